"""Prompts as a tag of their segment, so that they are saved, loaded and undone together with it.

A tag also says on which voxel grid the prompts were given and what the segment looked like then (`fingerprint`).
After loading a scene, or Slicer's own undo, this tells whether prompts and segment still belong together.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Optional

import numpy as np
import vtk

from ..errors import InvalidPromptError
from ..prompts import PromptSet
from .volumes import VolumeInput, local_matrix

PROMPTS_TAG = "Fast3DSAM.Prompts"


@dataclass(frozen=True)
class StoredPrompts:
    """What a segment's tag holds: its prompts (voxels of the volume), and its fingerprint when they were given."""

    prompts: PromptSet
    fingerprint: str


def read_tag(segment, name: str) -> Optional[str]:
    """Text of a segment's tag; None where it has none."""
    value = vtk.reference("")
    return str(value) if segment.GetTag(name, value) else None


def store_prompts(segment, volume: VolumeInput, stored: StoredPrompts) -> None:
    """Write the tag. Storage nodes separate tags by `|`, so that character is escaped."""
    text = json.dumps(
        {
            "version": 1,
            "volume": _volume(volume),
            "prompts": json.loads(stored.prompts.to_json()),
            "fingerprint": stored.fingerprint,
        }
    )
    segment.SetTag(PROMPTS_TAG, text.replace("|", "\\u007c"))


def load_prompts(segment, volume: VolumeInput) -> Optional[StoredPrompts]:
    """The segment's prompts, if it has any that were given on this volume; else None.

    Raises `InvalidPromptError` for a damaged tag.
    """
    text = read_tag(segment, PROMPTS_TAG)
    if text is None:
        return None
    try:
        content = json.loads(text)
        theirs, fingerprint = content["volume"], str(content["fingerprint"])
        prompts = PromptSet.from_json(json.dumps(content["prompts"]))
        same = _same_volume(theirs, _volume(volume))
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidPromptError(
            f"The prompts stored with the segment '{segment.GetName()}' cannot be read ({error}); the segment stays, "
            "go on with a new click."
        ) from error
    return StoredPrompts(prompts, fingerprint) if same else None


def _volume(volume: VolumeInput) -> dict:
    return {
        "id": volume.node.GetID(),
        "name": volume.node.GetName(),
        "shape": list(volume.shape),
        "ijk_to_ras": local_matrix(volume.node).tolist(),
    }


def _same_volume(a: dict, b: dict) -> bool:
    """IDs change when a scene is loaded into another one, names when a user renames: one of the two must agree."""
    return (
        (a["id"] == b["id"] or a["name"] == b["name"])
        and list(a["shape"]) == list(b["shape"])
        and np.allclose(a["ijk_to_ras"], b["ijk_to_ras"], atol=1e-3)
    )
