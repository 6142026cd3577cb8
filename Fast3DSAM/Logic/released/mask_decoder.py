"""Embedding to logits, doing at each resolution only what needs that resolution.

Each saving is exact. A bias before an instance norm vanishes. 1x1 convolutions and interpolation commute, so the two
coarse branches pass the last wide convolution before they grow. 16 -> 31 -> 64 with aligned corners equals 16 -> 64,
since every node of 16 is a node of 31. relu((x - mean) / std) is max(x, mean) / std minus a constant, so a norm and a
ReLU become one pass, with 1 / std in the next weights and the constant lost in the next norm. The mean and variance of
a convolution whose kernel equals its stride follow from those of its input. Two channels grow to 128^3, not 256.
"""

from __future__ import annotations

from typing import Iterator, List, Tuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .interpolation import resize_cube, resize_matrix
from .published import CROP, DECODER_GROUPS, EMBEDDING, GRID, MAPPED

_EPS = 1e-5
_SCALE = 4
MIDDLE, FINE = 2 * GRID - 1, _SCALE * GRID
_PER_GROUP = EMBEDDING // DECODER_GROUPS
_PART = 2048
_Moments = List[Tuple[Tensor, Tensor]]
_SLAB = _SCALE * FINE * FINE  # fine voxels above one coarse plane: 16 MB of 256 channels


class ReleasedMaskDecoder(nn.Module):
    """Three branches at 16^3, 31^3 and 64^3 that share a 1x1 convolution and are summed by the next."""

    def __init__(self) -> None:
        super().__init__()
        options = {"padding": 1, "groups": DECODER_GROUPS, "bias": False}
        self.coarse = nn.Conv3d(EMBEDDING, EMBEDDING, 3, **options)
        self.middle = nn.ConvTranspose3d(EMBEDDING, EMBEDDING, 3, stride=2, **options)
        # (groups, in, 64 fine voxels, out): each coarse voxel becomes 4 x 4 x 4 fine ones.
        self.fine = nn.Parameter(torch.empty(DECODER_GROUPS, _PER_GROUP, _SCALE**3, _PER_GROUP))
        self.shared = nn.Parameter(torch.empty(MAPPED, EMBEDDING))
        self.join = nn.Parameter(torch.empty(3, EMBEDDING, MAPPED))
        self.classify = nn.Linear(EMBEDDING, 2)
        self.fill_matrices()

    def fill_matrices(self) -> None:
        """Make the two resize matrices, which no file holds."""
        with torch.device("cpu"):
            self.register_buffer("to_middle", resize_matrix(GRID, MIDDLE), persistent=False)
            self.register_buffer("to_fine", resize_matrix(MIDDLE, FINE), persistent=False)

    def forward(self, embedding: Tensor) -> Tensor:
        """(B, 256, 16, 16, 16) axes H, W, D -> logits (B, 2, 128, 128, 128) axes D, H, W."""
        logits = torch.stack([self._logits(item) for item in embedding])
        logits = F.interpolate(logits, size=(CROP,) * 3, mode="trilinear", align_corners=True)
        return logits.permute(0, 1, 4, 2, 3).contiguous()

    def _logits(self, embedding: Tensor) -> Tensor:
        """(256, 16, 16, 16) -> (2, 64, 64, 64), axes H, W, D."""
        coarse = self._joined(self.coarse(embedding[None])[0], 0)
        middle = self._joined(self.middle(embedding[None])[0], 1)
        middle += resize_cube(coarse, self.to_middle)
        wide, mean, deviation = self._wide(middle, *self._mapped(embedding))
        weight = self.classify.weight / deviation
        bias = self.classify.bias - weight @ mean
        logits = torch.cat([F.linear(torch.maximum(slab, mean, out=slab), weight, bias) for slab in wide])
        return logits.t().reshape(2, FINE, FINE, FINE)

    def _joined(self, branch: Tensor, index: int) -> Tensor:
        """A coarse branch (256, n, n, n) through norm, shared map, norm and its part of the last wide convolution."""
        x = _normed(branch.flatten(1).t())
        x = _normed(F.linear(x, self.shared))
        return F.linear(x, self.join[index]).view(*branch.shape[1:], EMBEDDING)

    def _mapped(self, embedding: Tensor) -> Tuple[Tensor, Tensor, Tensor]:
        """The fine branch through norm and shared map: (16 slabs, slab, 128) before its norm, mean, deviation."""
        voxels = embedding.reshape(DECODER_GROUPS, _PER_GROUP, GRID, GRID * GRID).permute(2, 0, 3, 1)
        mean, deviation = self._fine_statistics(embedding.reshape(DECODER_GROUPS, _PER_GROUP, -1))
        shared = self.shared / deviation.flatten()
        kernel = self.fine.flatten(2)
        wide = embedding.new_empty(_SCALE, GRID, _SCALE, GRID, _SCALE, DECODER_GROUPS, _PER_GROUP)
        mapped = embedding.new_empty(GRID, _SLAB, MAPPED)
        moments: _Moments = []
        for plane, out in zip(voxels, mapped):
            grown = torch.bmm(plane, kernel).view(DECODER_GROUPS, GRID, GRID, *(_SCALE,) * 3, _PER_GROUP)
            torch.maximum(grown.permute(3, 1, 4, 2, 5, 0, 6), mean, out=wide)
            torch.mm(wide.view(_SLAB, EMBEDDING), shared.t(), out=out)
            moments += _moments(out)
        return (mapped, *_pooled(moments))

    def _fine_statistics(self, groups: Tensor) -> Tuple[Tensor, Tensor]:
        """Mean and deviation (groups, out) of the fine branch, from the input (groups, in, voxels), in float64."""
        groups, kernel = groups.double(), self.fine.double()
        center = groups.mean(-1, keepdim=True)
        covariance = (groups - center) @ (groups - center).transpose(1, 2) / groups.shape[-1]
        means = torch.einsum("gi,gioc->goc", center[..., 0], kernel)
        within = torch.einsum("gioc,gij,gjoc->goc", kernel, covariance, kernel)
        mean = means.mean(1)
        variance = within.mean(1) + means.var(1, correction=0)
        return mean.float(), (variance + _EPS).sqrt().float()

    def _wide(self, middle: Tensor, mapped: Tensor, mean: Tensor, deviation: Tensor) -> Tuple[Tensor, Tensor, Tensor]:
        """The last wide convolution (16 slabs, slab, 256) before its norm, its mean and its deviation."""
        join = (self.join[2] / deviation).t()
        wide = mapped.new_empty(GRID, _SLAB, EMBEDDING)
        moments: _Moments = []
        for slab, source, grown in zip(wide, mapped, self._grown(middle)):
            torch.mm(torch.maximum(source, mean, out=source), join, out=slab)
            slab.view(-1, FINE, EMBEDDING).baddbmm_(self.to_fine.expand(len(grown), -1, -1), grown)
            moments += _moments(slab)
        return (wide, *_pooled(moments))

    def _grown(self, middle: Tensor) -> Iterator[Tensor]:
        """`middle` (31, 31, 31, 256) resized along H and W, slab by slab: (4 * 64, 31, 256)."""
        lower = self.to_fine.ne(0).float().argmax(1).clamp(max=MIDDLE - 2)
        share = self.to_fine[torch.arange(FINE), lower + 1].view(-1, 1, 1)
        for low, part in zip(lower.split(_SCALE), share.split(_SCALE)):
            planes = torch.lerp(middle[low].flatten(2), middle[low + 1].flatten(2), part)
            yield torch.matmul(self.to_fine, planes).view(_SCALE * FINE, MIDDLE, EMBEDDING)


def _normed(x: Tensor) -> Tensor:
    """Instance norm and ReLU of (voxels, C)."""
    mean = x.mean(0)
    centered = x - mean
    return centered.mul_((centered.square().mean(0) + _EPS).rsqrt()).relu_()


def _moments(x: Tensor) -> _Moments:
    """[(mean, variance)] of parts of (voxels, C) that fit in cache; `torch.var_mean` over rows is ten times slower."""
    moments = []
    for part in x.split(_PART):
        mean = part.mean(0)
        moments.append((mean, (part - mean).square_().mean(0)))
    return moments


def _pooled(moments: _Moments) -> Tuple[Tensor, Tensor]:
    """Mean and deviation (C,) of the whole, from the moments of equally large parts."""
    means, variances = (torch.stack(part).double() for part in zip(*moments))
    variance = variances.mean(0) + means.var(0, correction=0)
    return means.mean(0).float(), (variance + _EPS).sqrt().float()
