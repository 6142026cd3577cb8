"""Synthetic volumes with known truth, for tests."""

from __future__ import annotations

from typing import Sequence

import numpy as np


def ball(shape: Sequence[int], centre: Sequence[float], radius_mm: float, spacing: Sequence[float] = (1, 1, 1)):
    """True inside a ball of `radius_mm` around `centre` (k, j, i) voxels."""
    offsets = [(np.arange(n) - c) * s for n, c, s in zip(shape, centre, spacing)]
    k, j, i = np.meshgrid(*offsets, indexing="ij", sparse=True)
    return k**2 + j**2 + i**2 <= radius_mm**2


def bright(*masks: np.ndarray) -> np.ndarray:
    """A float volume: 0 outside, and the n-th mask has intensity n."""
    volume = np.zeros(masks[0].shape, np.float32)
    for number, mask in enumerate(masks, start=1):
        volume[mask] = number
    return volume


def dice(first: np.ndarray, second: np.ndarray) -> float:
    """Dice overlap of two boolean arrays."""
    return 2 * float((first & second).sum()) / max(1, int(first.sum()) + int(second.sum()))
