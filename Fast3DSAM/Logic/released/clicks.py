"""Clicks as the two maps that the released prompt encoder takes."""

from __future__ import annotations

from typing import Sequence

import numpy as np
import torch
from torch import Tensor

from ..errors import InvalidPromptError
from .published import CROP

_SQUARED_RADIUS = 4.0
_REACH = 2


def click_maps(positive: Sequence[Sequence[float]], negative: Sequence[Sequence[float]]) -> Tensor:
    """Lists of clicks as (D, H, W) voxels of the 128^3 crop -> (1, 2, 128, 128, 128) float32, axes D, H, W.

    Channel 0 is foreground, channel 1 background; a voxel is 1 where its squared distance to a click is at most 4.
    Either list may be empty. Raises `InvalidPromptError` for a click outside the crop.
    """
    maps = torch.zeros(1, 2, CROP, CROP, CROP)
    for channel, clicks in enumerate((positive, negative)):
        for click in clicks:
            _draw(maps[0, channel].numpy(), click)
    return maps


def _draw(grid: np.ndarray, click: Sequence[float]) -> None:
    """Set the ball around one click in place; only the few voxels within reach are looked at."""
    center = np.asarray(click, dtype=np.float64)
    if center.shape != (3,) or not np.isfinite(center).all() or (center < -0.5).any() or (center > CROP - 0.5).any():
        raise InvalidPromptError(
            f"The click {click!r} is not a voxel (D, H, W) of the {CROP}^3 crop; move the crop so that it holds it."
        )
    lo = np.clip(np.floor(center).astype(int) - _REACH, 0, CROP - 1)
    hi = np.clip(np.ceil(center).astype(int) + _REACH + 1, 1, CROP)
    axes = [(np.arange(a, b) - c) ** 2 for a, b, c in zip(lo, hi, center)]
    ball = axes[0][:, None, None] + axes[1][:, None] + axes[2] <= _SQUARED_RADIUS
    grid[tuple(map(slice, lo, hi))][ball] = 1.0
