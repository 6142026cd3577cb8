"""Multi-head attention among super tokens."""

from __future__ import annotations

from typing import Tuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .lora import LoRAQueryKeyValue


class SuperTokenAttention(nn.Module):
    """Self-attention with LoRA on q and k, and optionally SAM's decomposed relative positions.

    SAM stores one table per in-slice axis (2 * size - 1 rows of head width); they are interpolated to the grid of
    super tokens at hand (Li et al., MViTv2; Kirillov et al., Segment Anything).
    """

    def __init__(self, width: int, heads: int, lora_rank: int, relative_size: int = 0) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = LoRAQueryKeyValue(width, lora_rank)
        self.proj = nn.Linear(width, width)
        self.relative_size = relative_size
        if relative_size:
            rows = 2 * relative_size - 1
            self.rel_pos_h = nn.Parameter(torch.zeros(rows, width // heads))
            self.rel_pos_w = nn.Parameter(torch.zeros(rows, width // heads))

    def forward(self, tokens: Tensor, grid: Tuple[int, int, int]) -> Tensor:
        """(B, N, C) tokens of a (D, H, W) grid with N = D*H*W -> (B, N, C)."""
        batch, count, width = tokens.shape
        qkv = self.qkv(tokens).view(batch, count, 3, self.heads, width // self.heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)
        bias = self._relative_bias(query, grid) if self.relative_size else None
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        return self.proj(mixed.transpose(1, 2).reshape(batch, count, width))

    def _relative_bias(self, query: Tensor, grid: Tuple[int, int, int]) -> Tensor:
        batch, heads, count, width = query.shape
        depth, height, columns = grid
        on_grid = query.view(batch, heads, depth, height, columns, width)
        along_h = torch.einsum("bndhwc,hkc->bndhwk", on_grid, self._table(self.rel_pos_h, height))
        along_w = torch.einsum("bndhwc,wkc->bndhwk", on_grid, self._table(self.rel_pos_w, columns))
        both = along_h[..., None, :, None] + along_w[..., None, None, :]
        full = both.expand(-1, -1, -1, -1, -1, depth, -1, -1)
        return full.reshape(batch, heads, count, count)

    @staticmethod
    def _table(table: Tensor, size: int) -> Tensor:
        """(2s-1, C) -> (size, size, C): entry [q, k] is the row of the distance q - k."""
        rows = 2 * size - 1
        if table.shape[0] != rows:
            table = F.interpolate(table.T[None], size=rows, mode="linear")[0].T
        steps = torch.arange(size, device=table.device)
        return table[steps[:, None] - steps[None, :] + size - 1]
