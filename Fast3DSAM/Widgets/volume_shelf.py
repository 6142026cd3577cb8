"""Volumes that were prepared before, so that going back to one is instant."""

from __future__ import annotations

from collections import OrderedDict
from typing import Optional, Tuple

from ..Logic.mrml.volumes import VolumeInput
from ..Logic.session import PreparedVolume

_MOST = 4


class VolumeShelf:
    """The last few prepared volumes; their embeddings lie in the session's cache, which has its own limit."""

    def __init__(self) -> None:
        self._kept: "OrderedDict[str, Tuple[VolumeInput, PreparedVolume]]" = OrderedDict()

    def keep(self, volume: VolumeInput, prepared: PreparedVolume) -> None:
        self._kept[volume.node.GetID()] = (volume, prepared)
        self._kept.move_to_end(volume.node.GetID())
        while len(self._kept) > _MOST:
            self._kept.popitem(last=False)

    def find(self, volume: VolumeInput) -> Optional[PreparedVolume]:
        """What was prepared for just these voxels, else None."""
        kept = self._kept.get(volume.node.GetID())
        if kept is None or kept[0].stamp != volume.stamp or kept[1].geometry.spacing != volume.geometry.spacing:
            return None
        return kept[1]

    def forget(self, node) -> None:
        """The node was deleted or changed."""
        self._kept.pop(node.GetID() or "", None)

    def clear(self) -> None:
        self._kept.clear()
