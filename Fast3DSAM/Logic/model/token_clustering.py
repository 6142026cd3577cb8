"""Token clustering and token upsampling (the paper's first contribution)."""

from __future__ import annotations

from typing import NamedTuple, Tuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Clusters(NamedTuple):
    """Super tokens and how each token is made of them.

    `tokens` (B, N_w * m, C), ordered as the grid `centre_grid` of centres, so that positions stay meaningful;
    `assignment` (B * N_w, w^3, m), rows sum to 1; `grid` (D, H, W) of the tokens they came from.
    """

    tokens: Tensor
    assignment: Tensor
    grid: Tuple[int, int, int]
    centre_grid: Tuple[int, int, int]


class TokenClustering(nn.Module):
    """H*W*D tokens -> N_w windows of m super tokens, and back with the same soft assignment.

    Windows are cubes of `window`^3 tokens. The m = `centres`^3 centres of a window start as its average-pooled grid;
    each iteration assigns every token softly to the centres of its window (softmax of scaled negative squared
    distance) and moves the centres to the weighted means.
    """

    def __init__(self, width: int, window: int, centres: int, iterations: int) -> None:
        super().__init__()
        self.window, self.centres, self.iterations = window, centres, iterations
        self.log_sharpness = nn.Parameter(torch.zeros(()))
        self.width = width

    def forward(self, tokens: Tensor) -> Clusters:
        """(B, D, H, W, C) -> `Clusters`; a grid that the window does not divide is padded by repeating its border."""
        batch, *grid, width = tokens.shape
        tokens = self._padded(tokens)
        windows = self._split(tokens, self.window)
        centres = self._split(_pooled(tokens, self.window // self.centres), self.centres)
        sharpness = self.log_sharpness.exp() * width**-0.5
        assignment = windows.new_zeros(())
        for _ in range(self.iterations):
            # |x - c|^2 without |x|^2, which is the same for all centres and so cancels in the softmax
            likeness = 2 * windows @ centres.transpose(1, 2) - centres.square().sum(-1)[:, None]
            assignment = (likeness * sharpness).softmax(-1)
            weights = assignment / (assignment.sum(1, keepdim=True) + 1e-6)
            centres = weights.transpose(1, 2) @ windows
        counts = [size // self.window for size in tokens.shape[1:4]]
        super_tokens = self._join(centres, batch, counts, self.centres).reshape(batch, -1, width)
        return Clusters(super_tokens, assignment, tuple(grid), tuple(n * self.centres for n in counts))

    def pool(self, tokens: Tensor, clusters: Clusters) -> Tensor:
        """Tokens (B, D, H, W, C) -> super tokens (B, N_w * m, C): means weighted by an assignment found on others."""
        windows = self._split(self._padded(tokens), self.window)
        weights = clusters.assignment / (clusters.assignment.sum(1, keepdim=True) + 1e-6)
        counts = [size // self.centres for size in clusters.centre_grid]
        centres = self._join(weights.transpose(1, 2) @ windows, len(tokens), counts, self.centres)
        return centres.reshape(len(tokens), -1, tokens.shape[-1])

    def upsample(self, super_tokens: Tensor, clusters: Clusters) -> Tensor:
        """Super tokens (B, N_w * m, C) -> tokens (B, D, H, W, C): each token is its centres' weighted mean."""
        batch, _, width = super_tokens.shape
        counts = [size // self.centres for size in clusters.centre_grid]
        centres = self._split(super_tokens.view(batch, *clusters.centre_grid, width), self.centres)
        tokens = self._join(clusters.assignment @ centres, batch, counts, self.window)
        depth, height, columns = clusters.grid
        return tokens[:, :depth, :height, :columns]

    def _padded(self, tokens: Tensor) -> Tensor:
        padding = [-size % self.window for size in tokens.shape[1:4]]
        if not any(padding):
            return tokens
        pads = (0, padding[2], 0, padding[1], 0, padding[0])
        return F.pad(tokens.permute(0, 4, 1, 2, 3), pads, mode="replicate").permute(0, 2, 3, 4, 1)

    @staticmethod
    def _split(grid: Tensor, edge: int) -> Tensor:
        """(B, D, H, W, C) -> (B * windows, edge^3, C)."""
        batch, depth, height, columns, width = grid.shape
        cut = grid.reshape(batch, depth // edge, edge, height // edge, edge, columns // edge, edge, width)
        return cut.permute(0, 1, 3, 5, 2, 4, 6, 7).reshape(-1, edge**3, width)

    @staticmethod
    def _join(windows: Tensor, batch: int, counts: list, edge: int) -> Tensor:
        """(B * windows, edge^3, C) -> (B, D, H, W, C)."""
        depth, height, columns = counts
        width = windows.shape[-1]
        cut = windows.view(batch, depth, height, columns, edge, edge, edge, width).permute(0, 1, 4, 2, 5, 3, 6, 7)
        return cut.reshape(batch, depth * edge, height * edge, columns * edge, width)


def _pooled(tokens: Tensor, step: int) -> Tensor:
    """Means of cubes of `step`^3 tokens (B, D, H, W, C); sums of slices, since pooling wants the channels first."""
    for axis in (1, 2, 3):
        tokens = sum(tokens.unflatten(axis, (-1, step)).unbind(axis + 1))
    return tokens / step**3
