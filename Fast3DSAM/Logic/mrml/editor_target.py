"""Segments written through Slicer's Segment Editor, so that its masking and overwrite settings hold."""

from __future__ import annotations

from typing import Callable, List, Tuple

import numpy as np

from ..geometry import Box
from .labelmaps import to_image
from .segmentations import SegmentationTarget

# (labelmap of the sub-extent, its extent): makes the Editor's selected segment equal to it, as far as it may
Modify = Callable[[object, Tuple[int, ...]], None]


class EditorTarget(SegmentationTarget):
    """Which other segments may change is the Editor's affair; our own locks do not count here."""

    def __init__(self, node, volume, modify: Modify, save_state: Callable[[], object]) -> None:
        super().__init__(node, volume, save_state=save_state)
        self._modify = modify

    def write(self, segment_id: str, box: Box, mask: np.ndarray) -> Tuple[np.ndarray, List[str]]:
        """As `SegmentationTarget.write`; what the Editor's masking kept back is not in the returned mask."""
        if box.is_empty:
            box, mask = Box((0, 0, 0), (1, 1, 1)), np.zeros((1, 1, 1), dtype=bool)
        image = to_image(mask, box, self.grid())
        # Not as an own change: the Editor may overwrite other segments, and their states must learn of it.
        self._modify(image, image.GetExtent())
        return self.occupied([segment_id], box), []
