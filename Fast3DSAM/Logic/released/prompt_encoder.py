"""Click maps to prompt features: a small UNETR++ encoder, tokens kept channels-last throughout."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .published import (
    GRID,
    PROJECTED,
    STAGE_BLOCKS,
    STAGE_GRIDS,
    STAGE_HEADS,
    STEM_CHANNELS,
    STEM_GROUPS,
    WIDTH,
)

_EPS = 1e-5


class ReleasedPromptEncoder(nn.Module):
    """Two stages of three blocks at 32^3 and 16^3; batch norms folded into their convolutions."""

    def __init__(self) -> None:
        super().__init__()
        first, second = STEM_CHANNELS[1:]
        self.stems = nn.ModuleList(
            (nn.Conv3d(STEM_CHANNELS[0], first, 4, 4, bias=False), nn.Conv3d(first, second, 2, 2, bias=False))
        )
        self.norms = nn.ModuleList(nn.GroupNorm(g, c) for g, c in zip(STEM_GROUPS, (first, second)))
        self.stages = nn.ModuleList(
            nn.ModuleList(PromptBlock(channels, grid) for _ in range(STAGE_BLOCKS))
            for channels, grid in zip((first, second), STAGE_GRIDS)
        )
        # Without its bias, which the instance norm behind it would subtract again.
        self.widen = nn.Linear(second, WIDTH, bias=False)

    def forward(self, clicks: Tensor) -> Tensor:
        """(B, 2, 128, 128, 128) -> (B, 768, 16, 16, 16), axes D, H, W."""
        x = clicks
        for stem, norm, blocks in zip(self.stems, self.norms, self.stages):
            x = norm(stem(x))
            for block in blocks:
                x = block(x)
        wide = self.widen(x.flatten(2).transpose(1, 2))
        variance, mean = torch.var_mean(wide, dim=1, keepdim=True, correction=0)
        features = (wide - mean).mul_((variance + _EPS).rsqrt_()).relu_()
        return features.view(len(x), GRID, GRID, GRID, WIDTH).permute(0, 4, 1, 2, 3)


class PromptBlock(nn.Module):
    """Paired attention on tokens, then a residual convolution unit on their grid."""

    def __init__(self, channels: int, grid: int) -> None:
        super().__init__()
        self.grid = grid
        self.position = nn.Parameter(torch.empty(grid**3, channels))
        self.norm = nn.LayerNorm(channels, eps=_EPS)
        self.attention = PairedAttention(channels, grid**3)
        self.conv1 = nn.Conv3d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv3d(channels, channels, 3, padding=1)
        self.mix = nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, D, H, W) -> the same shape, channels last in memory."""
        tokens = x.flatten(2).transpose(1, 2) + self.position
        tokens = tokens + self.attention(self.norm(tokens))
        grid = tokens.view(len(x), *(self.grid,) * 3, -1).permute(0, 4, 1, 2, 3)
        unit = F.leaky_relu_(self.conv1(grid), 0.01)
        unit = F.leaky_relu_(self.conv2(unit).add_(grid), 0.01)
        mixed = self.mix(unit.permute(0, 2, 3, 4, 1))
        return mixed.permute(0, 4, 1, 2, 3).add_(grid)


class PairedAttention(nn.Module):
    """UNETR++ efficient paired attention: over channels, and over space with keys projected from N tokens to 64."""

    def __init__(self, channels: int, tokens: int) -> None:
        super().__init__()
        self.parts = nn.Linear(channels, 4 * channels, bias=False)
        self.project = nn.Linear(tokens, PROJECTED)
        self.channel_temperature = nn.Parameter(torch.empty(STAGE_HEADS, 1, 1))
        self.spatial_temperature = nn.Parameter(torch.empty(STAGE_HEADS, 1, 1))
        self.spatial_out = nn.Linear(channels, channels // 2)
        self.channel_out = nn.Linear(channels, channels // 2)

    def forward(self, x: Tensor) -> Tensor:
        """(B, N, C) -> (B, N, C); the block's gain is already in the two output layers."""
        batch, count, channels = x.shape
        heads, width = STAGE_HEADS, channels // STAGE_HEADS
        q, k, v_channel, v_spatial = self.parts(x).transpose(1, 2).reshape(batch, 4, heads, width, count).unbind(1)
        projected = self.project(torch.stack((k, v_spatial)))
        q, k = F.normalize(q, dim=-1), F.normalize(k, dim=-1)
        weights = (q @ k.transpose(-1, -2) * self.channel_temperature).softmax(-1)
        channel = (weights @ v_channel).flatten(1, 2).transpose(1, 2)
        keys, values = projected.transpose(-1, -2)
        # The temperature goes into the keys, and undoes the factor width ** -0.5 of the fused attention.
        keys = keys * (self.spatial_temperature * width**0.5)
        # The fused attention wants each vector contiguous; else torch falls back to a slow path.
        spatial = F.scaled_dot_product_attention(
            q.transpose(-1, -2).contiguous(), keys.contiguous(), values.contiguous()
        )
        # The published code writes (B, heads, N, c) out as (B, c, heads, N) and reads that as (B, N, C); so must we.
        spatial = spatial.permute(0, 3, 1, 2).reshape(batch, count, channels)
        return torch.cat((self.spatial_out(spatial), self.channel_out(channel)), dim=-1)
