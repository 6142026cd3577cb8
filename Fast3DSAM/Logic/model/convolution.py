"""3D convolutions that are fast on a CPU, one tile at a time."""

from __future__ import annotations

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Convolution3D(nn.Conv3d):
    """`nn.Conv3d` that goes to oneDNN directly when it infers on the CPU.

    PyTorch sends a single float32 volume of few channels to its fallback (`slow_conv3d`), which is 3 to 14 times slower
    than oneDNN at the same result; its rule (`ConvParams::use_mkldnn`) was made for 2D. Same parameters, same outputs.
    """

    def forward(self, x: Tensor) -> Tensor:
        if self.kernel_size == self.stride == (1, 1, 1) and x.device.type in ("cpu", "cuda") and self.groups == 1:
            # A matrix product takes channels first or last as they are and leaves them last, which what follows likes
            # best; learning, it is up to ten times faster than a convolution (on processors; on GPUs not compared).
            return F.linear(x.permute(0, 2, 3, 4, 1), self.weight.flatten(1), self.bias).permute(0, 4, 1, 2, 3)
        if not (_infers_on_cpu(x, self.weight) and self.groups == 1):
            return super().forward(x)
        return torch.mkldnn_convolution(
            x, self.weight, self.bias, self.padding, self.stride, self.dilation, self.groups
        )


def _infers_on_cpu(x: Tensor, *others: Tensor) -> bool:
    """Whether oneDNN can be called directly: float32 on the CPU, nothing to differentiate."""
    return (
        all(t.device.type == "cpu" and t.dtype == torch.float32 for t in (x, *others))
        and not torch.is_grad_enabled()
        and not torch.is_autocast_enabled("cpu")
        and torch.backends.mkldnn.is_available()
        and torch.backends.mkldnn.enabled
    )


class UpsampleLinear(nn.ConvTranspose3d):
    """Doubles the grid: each voxel becomes 2x2x2 by a learned linear map; (B, I, D, H, W) -> (B, O, 2D, 2H, 2W).

    A transposed convolution of kernel and stride 2, written as one matrix product: oneDNN has no fast one.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, 2, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        batch, inputs, depth, height, columns = x.shape
        weight = self.weight.flatten(2).permute(2, 1, 0).flatten(0, 1)  # (8 * O, I), the output's channels innermost
        fine = F.linear(x.permute(0, 2, 3, 4, 1), weight, self.bias.repeat(8))
        fine = fine.view(batch, depth, height, columns, 2, 2, 2, self.out_channels)
        fine = fine.permute(0, 1, 4, 2, 5, 3, 6, 7).reshape(batch, 2 * depth, 2 * height, 2 * columns, -1)
        return fine.permute(0, 4, 1, 2, 3)


def doubled(x: Tensor) -> Tensor:
    """(B, C, D, H, W) -> (B, C, 2D, 2H, 2W), linearly interpolated (`align_corners=False`).

    Along each axis a small matrix: on the CPU seven times faster than `F.interpolate`, and back as well.
    """
    if x.device.type != "cpu" or x.dtype != torch.float32:
        return F.interpolate(x, scale_factor=2.0, mode="trilinear", align_corners=False)
    batch, channels, depth, height, columns = x.shape
    with torch.autocast("cpu", enabled=False):
        along_rows = _doubling(height) @ (x @ _doubling(columns).T)
        whole = _doubling(depth) @ along_rows.reshape(batch * channels, depth, -1)
    return whole.view(batch, channels, 2 * depth, 2 * height, 2 * columns)


@lru_cache(maxsize=16)
def _doubling(size: int) -> Tensor:
    """(2 * size, size): how much of each voxel is in those of the finer grid."""
    with torch.inference_mode(False):
        columns = F.interpolate(torch.eye(size)[None], scale_factor=2.0, mode="linear", align_corners=False)
        return columns[0].T.contiguous()


def to_fine_grid(x: Tensor) -> Tensor:
    """(B, 8 * C, D, H, W) -> (B, C, 2D, 2H, 2W): every eight channels are the 2x2x2 voxels of a finer grid."""
    batch, channels, depth, height, columns = x.shape
    cut = x.view(batch, channels // 8, 2, 2, 2, depth, height, columns).permute(0, 1, 5, 2, 6, 3, 7, 4)
    return cut.reshape(batch, channels // 8, 2 * depth, 2 * height, 2 * columns)


def from_fine_grid(x: Tensor) -> Tensor:
    """(B, C, 2D, 2H, 2W) -> (B, 8 * C, D, H, W): the inverse of `to_fine_grid`, loses nothing."""
    batch, channels, depth, height, columns = x.shape
    cut = x.view(batch, channels, depth // 2, 2, height // 2, 2, columns // 2, 2).permute(0, 1, 3, 5, 7, 2, 4, 6)
    return cut.reshape(batch, 8 * channels, depth // 2, height // 2, columns // 2)
