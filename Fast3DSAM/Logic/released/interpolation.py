"""Linear resizing written as one small matrix per axis: a matrix can be folded into weights, and multiplies fast."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def resize_matrix(before: int, after: int) -> Tensor:
    """(after, before): linear resizing of one axis, align_corners=True."""
    unit = torch.eye(before).unsqueeze(0)
    return F.interpolate(unit, size=after, mode="linear", align_corners=True)[0].t().contiguous()


def doubling_matrix(length: int) -> Tensor:
    """(2 * length, length + 2): upsampling by two, align_corners=False, of an axis padded by one voxel on each side.

    Output 2m is 1/4 of voxel m - 1 and 3/4 of voxel m, output 2m + 1 is 3/4 of m and 1/4 of m + 1. At the border
    interpolation clamps, which is this same rule on an axis padded with copies of its end voxels.
    """
    matrix = torch.zeros(2 * length, length + 2)
    for index in range(length):
        matrix[2 * index, index : index + 2] = torch.tensor([0.25, 0.75])
        matrix[2 * index + 1, index + 1 : index + 3] = torch.tensor([0.75, 0.25])
    return matrix


def resize_cube(cube: Tensor, matrix: Tensor) -> Tensor:
    """Resize the first three axes of (n, n, n, C) by a `resize_matrix` (m, n) -> (m, m, m, C)."""
    for _ in range(3):
        # Each round resizes the first axis and moves it behind the other two.
        cube = torch.tensordot(cube, matrix, dims=([0], [1])).movedim(-1, 2)
    return cube
