"""Low-rank adaptation (LoRA) on the query and key projections (the paper's second contribution)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class LoRAQueryKeyValue(nn.Module):
    """The qkv projection of an attention block with low-rank updates on q and k, as in the paper's figure.

    A new update is zero (`up` starts at zero), so it changes nothing until it is trained; `merge` folds it into the
    weights, after which it costs nothing.
    """

    def __init__(self, width: int, rank: int) -> None:
        super().__init__()
        self.qkv = nn.Linear(width, 3 * width)
        self.rank = rank
        if rank:
            self.down = nn.Parameter(torch.randn(2, rank, width) * width**-0.5)
            self.up = nn.Parameter(torch.zeros(2, width, rank))

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, N, C) -> (B, N, 3C): queries, keys, values."""
        weight = self.qkv.weight
        if self.rank:
            weight = weight + self._update(weight)
        return F.linear(tokens, weight, self.qkv.bias)

    def merge(self) -> None:
        """Fold the update into the frozen weights; the output stays, the update is gone."""
        if self.rank:
            with torch.no_grad():
                self.qkv.weight += self._update(self.qkv.weight)
            del self.down, self.up
            self.rank = 0

    def _update(self, weight: Tensor) -> Tensor:
        delta = self.up @ self.down
        return torch.cat([delta[0], delta[1], torch.zeros_like(weight[: weight.shape[1]])])


def merge_lora(model: nn.Module) -> nn.Module:
    """Merge every LoRA of `model` in place, for inference; returns the model."""
    for module in model.modules():
        if isinstance(module, LoRAQueryKeyValue):
            module.merge()
    return model
