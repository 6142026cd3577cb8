"""Which segments the clicks for another segment may take voxels from. By default: none.

A locked segment is changed by its own prompts only. The switches are stored with the segments (tag) and the
segmentation (attribute), so that they survive saving the scene.
"""

from __future__ import annotations

from .prompt_store import read_tag

LOCK_TAG = "Fast3DSAM.Locked"
PROTECT_ATTRIBUTE = "Fast3DSAM.ProtectAll"


def protects_all(node) -> bool:
    """The switch for all segments of a segmentation node; on unless it was turned off."""
    return node.GetAttribute(PROTECT_ATTRIBUTE) != "0"


def protect_all(node, on: bool) -> None:
    """Lock or unlock all segments, those to come included; single ones can be switched afterwards."""
    segmentation = node.GetSegmentation()
    for id in segmentation.GetSegmentIDs():
        segment = segmentation.GetSegment(id)
        if segment.HasTag(LOCK_TAG):
            segment.RemoveTag(LOCK_TAG)
    node.SetAttribute(PROTECT_ATTRIBUTE, "1" if on else "0")


def is_locked(node, segment_id: str) -> bool:
    """Whether the segment is protected from clicks for other segments."""
    own = read_tag(node.GetSegmentation().GetSegment(segment_id), LOCK_TAG)
    return protects_all(node) if own is None else own != "0"


def set_locked(node, segment_id: str, locked: bool) -> None:
    """The switch of one segment."""
    node.GetSegmentation().GetSegment(segment_id).SetTag(LOCK_TAG, "1" if locked else "0")
