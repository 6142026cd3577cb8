"""Axial slices cut into 8 x 8 windows, and back.

The windows are the same in all twelve blocks and no block looks across their borders, so tokens are put into window
order once, before the first block, and put back once, before the neck.
"""

from __future__ import annotations

from torch import Tensor

from .published import GRID, WINDOW

SIDE = GRID // WINDOW


def to_windows(grid: Tensor) -> Tensor:
    """(B, D, H, W, C) on the 16^3 grid -> (B, 64 windows, 64 tokens, C); windows go slice by slice, row by row."""
    batch, depth, _, _, channels = grid.shape
    cut = grid.reshape(batch, depth, SIDE, WINDOW, SIDE, WINDOW, channels).transpose(3, 4)
    return cut.reshape(batch, depth * SIDE * SIDE, WINDOW * WINDOW, channels)


def from_windows(windows: Tensor) -> Tensor:
    """The inverse of `to_windows`: (B, 64, 64, C) -> (B, D, H, W, C)."""
    batch, count, _, channels = windows.shape
    depth = count // SIDE**2
    cut = windows.reshape(batch, depth, SIDE, SIDE, WINDOW, WINDOW, channels).transpose(3, 4)
    return cut.reshape(batch, depth, GRID, GRID, channels)
