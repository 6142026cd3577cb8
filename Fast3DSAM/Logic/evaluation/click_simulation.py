"""The simulated user: one click in the middle of the largest error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Tuple

import numpy as np

from ..geometry import Box

SEED = 42


@dataclass(frozen=True)
class Click:
    """A simulated foreground or background click on voxel `position` (k, j, i)."""

    position: Tuple[int, int, int]
    positive: bool


def new_rng() -> np.random.Generator:
    """The protocol's generator; every target begins with a fresh one, so that targets do not depend on each other."""
    return np.random.default_rng(SEED)


def next_click(prediction: np.ndarray, reference: np.ndarray, rng: np.random.Generator) -> Optional[Click]:
    """The next click for two boolean (k, j, i) arrays of one shape; `None` where they agree.

    Of the 26-connected components of the error the largest by voxels (the first in array order among equals); of its
    voxels those farthest, in voxels and not in millimetres, from what is not in it (beyond the volume counts as not
    in it); of these one at random. Foreground where the reference is true.
    """
    error = prediction != reference
    box = Box.of_mask(error)
    if box.is_empty:
        return None
    inner = largest_component(error[box.slices])
    offset = box.lo
    box = Box.of_mask(inner)
    position = central_voxel(inner[box.slices], rng)
    position = tuple(int(p) + a + b for p, a, b in zip(position, box.lo, offset))
    return Click(position, bool(reference[position]))


def largest_component(mask: np.ndarray) -> np.ndarray:
    """The largest component of a boolean array, diagonal neighbours included (26 in 3D, 8 in 2D)."""
    from scipy import ndimage

    labels, count = ndimage.label(mask, np.ones((3,) * mask.ndim, dtype=bool))
    if count <= 1:
        return mask
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return labels == int(np.argmax(sizes))


def central_voxel(component: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Index of a random one among the voxels of a boolean array that lie farthest from what is not in it."""
    from scipy import ndimage

    # A border of one zero gives the same distances as the protocol's wider one: the nearest zero never lies farther.
    distance = ndimage.distance_transform_edt(np.pad(component, 1))[(slice(1, -1),) * component.ndim]
    candidates = np.argwhere(distance == distance.max())
    return candidates[int(rng.integers(len(candidates)))]
