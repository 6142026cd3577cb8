"""Detail features at 1/2 and 1/4: what the coarse tokens are too coarse to draw."""

from __future__ import annotations

from typing import Tuple

import torch.nn.functional as F
from torch import Tensor, nn

from .convolution import Convolution3D, UpsampleLinear


def group_norm(channels: int) -> nn.GroupNorm:
    """GroupNorm with groups of at least three channels."""
    return nn.GroupNorm(8 if channels % 8 == 0 and channels >= 24 else 1, channels)


class ResidualBlock(nn.Module):
    """Two 3x3x3 convolutions with a skip; (B, C, D, H, W) -> the same shape."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = Convolution3D(channels, channels, 3, padding=1, bias=False)
        self.norm1 = group_norm(channels)
        self.conv2 = Convolution3D(channels, channels, 3, padding=1, bias=False)
        self.norm2 = group_norm(channels)

    def forward(self, x: Tensor) -> Tensor:
        hidden = F.relu(self.norm1(self.conv1(x)))
        return F.relu(x + self.norm2(self.conv2(hidden)))


def residual_blocks(channels: int, count: int) -> nn.Sequential:
    """`count` of them in a row."""
    return nn.Sequential(*(ResidualBlock(channels) for _ in range(count)))


def normed_conv(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """3x3x3 convolution, normalisation, ReLU (GELU costs more than the convolution where voxels are many)."""
    return nn.Sequential(
        Convolution3D(inputs, outputs, 3, stride, padding=1, bias=False), group_norm(outputs), nn.ReLU(inplace=True)
    )


class DetailStem(nn.Module):
    """Image (B, I, D, H, W) -> features at 1/2 (B, c2, ...) and 1/4 (B, c4, ...)."""

    def __init__(self, inputs: int, widths: Tuple[int, int], blocks: int) -> None:
        """`blocks` residual ones at 1/4."""
        super().__init__()
        half, quarter = widths
        self.at_half = normed_conv(inputs, half, 2)
        self.at_quarter = nn.Sequential(normed_conv(half, quarter, 2), *residual_blocks(quarter, blocks))

    def forward(self, image: Tensor) -> Tuple[Tensor, Tensor]:
        half = self.at_half(image)
        return half, self.at_quarter(half)


class DetailTopDown(nn.Module):
    """Features (B, c2 | c4 | coarse, ...) -> decoder features at 1/2 and 1/4.

    Carries what the tokens know down to 1/4 and 1/2, once per image, so that the decoder can stay thin."""

    def __init__(self, widths: Tuple[int, int], coarse: int, outputs: Tuple[int, int], blocks: int) -> None:
        """`coarse` and `outputs` are widths; `blocks` residual ones at 1/4."""
        super().__init__()
        half, quarter = widths
        self.coarse_up = UpsampleLinear(coarse, quarter)
        self.at_quarter = residual_blocks(quarter, blocks)
        self.quarter_up = UpsampleLinear(quarter, half)
        self.at_half = normed_conv(half, half)
        self.to_quarter = Convolution3D(quarter, outputs[1], 1)
        self.to_half = Convolution3D(half, outputs[0], 1)

    def forward(self, half: Tensor, quarter: Tensor, coarse: Tensor) -> Tuple[Tensor, Tensor]:
        quarter = self.at_quarter(quarter + self.coarse_up(coarse))
        half = half + self.at_half(half + self.quarter_up(quarter))
        return self.to_half(half), self.to_quarter(quarter)
