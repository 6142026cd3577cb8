"""Segments written through Slicer's Segment Editor, so that its masking and overwrite settings hold."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Callable, Iterator, List, Tuple

import numpy as np
import slicer

from ..geometry import Box
from .labelmaps import labels_in_box, to_image
from .segmentations import NOTHING, SegmentationTarget

# (labelmap of the sub-extent, its extent): makes the Editor's selected segment equal to it, as far as it may
Modify = Callable[[object, Tuple[int, ...]], None]


class EditorTarget(SegmentationTarget):
    """Which other segments may change is the Editor's affair; our own locks do not count here."""

    def __init__(self, node, volume, modify: Modify, save_state: Callable[[], object]) -> None:
        super().__init__(node, volume, save_state=save_state)
        self._modify = modify

    def may_change(self, segment_id: str) -> List[str]:
        """Any: that depends on the Editor's overwrite mode."""
        return self.segment_ids

    def write(self, segment_id: str, box: Box, mask: np.ndarray) -> Tuple[np.ndarray, List[str]]:
        """As `SegmentationTarget.write`; what the Editor's masking kept back is not in the returned mask."""
        if not mask.any():
            box, mask = NOTHING
        image = to_image(mask, box, self.grid())
        # Not as an own change: the Editor may overwrite other segments, and their states must learn of it.
        with self._telling_of_all(segment_id, box):
            self._modify(image, image.GetExtent())
        return self.occupied([segment_id], box), []

    @contextmanager
    def _telling_of_all(self, segment_id: str, box: Box) -> Iterator[None]:
        """Where segments share a layer, Slicer tells of the written one only; tell of those that lost voxels to it."""
        sharing = self._sharing(segment_id)
        if not sharing:
            yield
            return
        part, labels = labels_in_box(self._layer(segment_id), box, self.grid())
        before = labels.copy()
        yield
        taken = np.unique(before[self.occupied([segment_id], part)])
        for id in set(sharing).intersection(self._sharing(segment_id)):  # else the Editor gave it a layer of its own
            if self.segment(id).GetLabelValue() in taken:
                self._segmentation.InvokeEvent(slicer.vtkSegmentation.SourceRepresentationModified, id)
