"""What the session hands out: a mask after a prompt, a volume that is ready for prompts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Tuple

import numpy as np

from .geometry import Box, VolumeGeometry
from .segmenter import Segmenter


@dataclass(frozen=True)
class SegmentationUpdate:
    """What a prompt changed.

    `box`: the sub-extent (voxels) that holds the mask before and after; outside it the mask is false. `box_mask`: the
    new mask inside `box`, bool (k, j, i). `iou`: the network's estimate of its quality, 0..1. `seconds` spent.
    """

    box: Box
    box_mask: np.ndarray = field(repr=False)
    iou: float
    seconds: float
    shape: Tuple[int, int, int]

    @property
    def mask(self) -> np.ndarray:
        """The whole volume's mask, bool (k, j, i); made on demand, costs memory in proportion to the volume."""
        mask = np.zeros(self.shape, dtype=bool)
        mask[self.box.slices] = self.box_mask
        return mask


@dataclass(frozen=True)
class PreparedVolume:
    """A volume whose coarse levels are embedded. `seconds` is what that took."""

    segmenter: Segmenter = field(repr=False)
    geometry: VolumeGeometry
    seconds: float
