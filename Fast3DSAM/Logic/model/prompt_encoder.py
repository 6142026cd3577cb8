"""Prompts -> tokens and dense maps. Clicks, box and previous mask; positions are (k, j, i) voxels of the tile."""

from __future__ import annotations

import math
from typing import NamedTuple, Optional, Tuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .config import ModelConfig
from .convolution import Convolution3D, doubled, from_fine_grid
from .detail import normed_conv
from .geodesic import GEODESIC_MAPS, geodesic_maps
from .image_encoder import ImageEmbedding

FOREGROUND, BACKGROUND, PADDING = 1, 0, -1
_BOX_LO, _BOX_HI = 2, 3
_CLICK_WIDTHS = (2.0, 8.0)  # standard deviations of the soft click maps, in voxels of the tile
_BOX_MAPS, _PREVIOUS_MAPS, _SIMILARITY_MAPS = 1, 8, 6
_NO_CLICK = -1.0  # similarity where there is no click of that sign: as unlike as can be


class Prompts(NamedTuple):
    """A batch of prompts, one row per target.

    `points` (B, N, 3) voxel positions in the tile, `labels` (B, N) FOREGROUND, BACKGROUND or PADDING;
    `boxes` (B, 2, 3) lower and upper corner, NaN where a row has no box;
    `previous` (B, 1, D, H, W) logits of the previous mask, zero where there is none.
    """

    points: Tensor
    labels: Tensor
    boxes: Tensor
    previous: Tensor


class EncodedPrompts(NamedTuple):
    """`tokens` (B, N + 2, C) with `valid` (B, N + 2); dense features at 1/2, 1/4 and 1/8."""

    tokens: Tensor
    valid: Tensor
    half: Tensor
    quarter: Tensor
    coarse: Tensor


class PromptEncoder(nn.Module):
    """Clicks as soft, geodesic and similarity maps and tokens; box as corner tokens and map; previous mask as map."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        half, quarter = config.decoder_widths
        coarse = config.neck_width
        thin = config.thin_width
        maps = 2 * (len(_CLICK_WIDTHS) + GEODESIC_MAPS) + _BOX_MAPS + _PREVIOUS_MAPS + _SIMILARITY_MAPS
        self.at_half = nn.Sequential(Convolution3D(maps, thin, 1), normed_conv(thin, thin))
        self.to_half = Convolution3D(thin, half, 1)
        self.at_quarter = normed_conv(thin, quarter, 2)
        self.at_coarse = normed_conv(quarter, coarse, 2)
        self.kind = nn.Embedding(4, coarse)
        self.sampled = nn.Linear(quarter + coarse, coarse)
        self.register_buffer("frequencies", torch.randn(3, coarse // 2), persistent=True)

    def forward(self, prompts: Prompts, embedding: ImageEmbedding) -> EncodedPrompts:
        """Every tensor's B is the number of targets."""
        grid = embedding.half.shape[2:]
        has_box = torch.isfinite(prompts.boxes).flatten(1).all(1)
        boxes = torch.where(has_box[:, None, None], prompts.boxes, torch.zeros_like(prompts.boxes))
        maps = [
            _click_maps(prompts.points, prompts.labels, grid),
            _box_map(boxes, has_box, grid),
            torch.tanh(from_fine_grid(prompts.previous) / 4),
            self.similarities(prompts, embedding),
            geodesic_maps(
                embedding.grey,
                prompts.points,
                torch.stack([prompts.labels == label for label in (FOREGROUND, BACKGROUND)]),
            ),
        ]
        thin = self.at_half(torch.cat(maps, 1).to(embedding.half.dtype))
        half, quarter = self.to_half(thin), self.at_quarter(thin)
        tokens, valid = self._tokens(prompts, boxes, has_box, embedding)
        return EncodedPrompts(tokens, valid, half, quarter, self.at_coarse(quarter))

    def _tokens(self, prompts: Prompts, boxes: Tensor, has_box: Tensor, embedding: ImageEmbedding):
        size = torch.tensor(embedding.half.shape[2:], device=boxes.device, dtype=boxes.dtype) * 2
        features = [sample(f, prompts.points, size) for f in (embedding.quarter, embedding.coarse)]
        clicks = self.sampled(torch.cat(features, -1)) + self.kind(prompts.labels.clamp(min=0))
        clicks = clicks + self.position(prompts.points / size)
        kinds = torch.tensor([_BOX_LO, _BOX_HI], device=boxes.device)
        corners = self.kind(kinds) + self.position(boxes / size)
        valid = torch.cat([prompts.labels != PADDING, has_box[:, None].expand(-1, 2)], 1)
        return torch.cat([clicks, corners.expand(len(clicks), -1, -1).to(clicks.dtype)], 1), valid

    def position(self, unit: Tensor) -> Tensor:
        """Random Fourier features (as in SAM) of positions in [0, 1]^3; (..., 3) -> (..., C)."""
        angle = (2 * unit - 1) @ self.frequencies.to(unit.dtype) * math.pi
        return torch.cat([angle.sin(), angle.cos()], -1)

    def grid_position(self, grid: Tuple[int, int, int], device: torch.device) -> Tensor:
        """The same encoding for every voxel of a grid; (1, D*H*W, C)."""
        axes = [(torch.arange(n, device=device, dtype=torch.float32) + 0.5) / n for n in grid]
        return self.position(torch.stack(torch.meshgrid(*axes, indexing="ij"), -1).reshape(1, -1, 3))

    @staticmethod
    def similarities(prompts: Prompts, embedding: ImageEmbedding) -> Tensor:
        """How alike each voxel is to the clicked ones: (B, 6, D/2, H/2, W/2).

        Best foreground, best background, mean foreground; with the keys at 1/2 and, enlarged, at 1/4.
        """
        size = torch.tensor(embedding.half.shape[2:], device=prompts.points.device, dtype=prompts.points.dtype) * 2
        scales = []
        for keys in (embedding.half_keys, embedding.quarter_keys):
            clicked = F.normalize(sample(keys, prompts.points, size), dim=-1)
            alike = (clicked @ keys.flatten(2)).unflatten(2, keys.shape[2:])
            maps = []
            for label in (FOREGROUND, BACKGROUND):
                chosen = (prompts.labels == label)[:, :, None, None, None]
                best = torch.where(chosen, alike, torch.full_like(alike, _NO_CLICK)).amax(1, keepdim=True)
                maps.append(best)
            chosen = (prompts.labels == FOREGROUND)[:, :, None, None, None].to(alike.dtype)
            maps.append((alike * chosen).sum(1, keepdim=True) / chosen.sum(1, keepdim=True).clamp(min=1))
            scales.append(torch.cat(maps, 1))
        fine, quarter = scales
        return torch.cat([fine, doubled(quarter.float()).to(fine.dtype)], 1)


def sample(features: Tensor, points: Tensor, size: Tensor) -> Tensor:
    """Features (B, C, d, h, w) under points (B, N, 3) of a tile of `size` voxels, linearly; -> (B, N, C)."""
    unit = (points + 0.5) / size * 2 - 1
    grid = unit.flip(-1)[:, :, None, None].to(features.dtype)
    found = F.grid_sample(features, grid, mode="bilinear", padding_mode="border", align_corners=False)
    return found[..., 0, 0].transpose(1, 2)


def _click_maps(points: Tensor, labels: Tensor, grid: Tuple[int, int, int]) -> Tensor:
    """Separable Gaussians around foreground and background clicks on the 1/2 grid; (B, 4, D/2, H/2, W/2)."""
    lines = [torch.arange(n, device=points.device, dtype=points.dtype) * 2 + 0.5 for n in grid]
    squares = [(line - points[..., axis, None]).square() for axis, line in enumerate(lines)]
    maps = []
    for label in (FOREGROUND, BACKGROUND):
        chosen = (labels == label).to(points.dtype)[..., None]
        for width in _CLICK_WIDTHS:
            k, j, i = (torch.exp(square / (-2 * width * width)) for square in squares)
            maps.append(torch.einsum("bnk,bnj,bni->bkji", k * chosen, j, i).clamp(max=1))
    return torch.stack(maps, 1)


def _box_map(boxes: Tensor, has_box: Tensor, grid: Tuple[int, int, int]) -> Tensor:
    """1 inside the box, 0 outside, soft over one voxel; all 0 without a box; (B, 1, D/2, H/2, W/2)."""
    inside: Optional[Tensor] = None
    for axis, n in enumerate(grid):
        line = torch.arange(n, device=boxes.device, dtype=boxes.dtype) * 2 + 0.5
        edge = torch.minimum(line - boxes[:, :1, axis], boxes[:, 1:, axis] - line)
        along = (edge / 2 + 0.5).clamp(0, 1).view(-1, *[n if a == axis else 1 for a in range(3)])
        inside = along if inside is None else inside * along
    return (inside * has_box[:, None, None, None])[:, None]
