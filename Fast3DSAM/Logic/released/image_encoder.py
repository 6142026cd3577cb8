"""Volume and prompt features to embedding: SAM's ViT-B on axial slices, twelve blocks per click."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .dense import dense
from .published import BLOCKS, CROP, EMBEDDING, GRID, HEADS, HIDDEN, TAIL, WIDTH, WINDOW
from .windows import from_windows, to_windows

CELL = CROP // GRID + 2  # a token sees 8 voxels per axis, and by interpolation one neighbour on each side
TOKENS = WINDOW * WINDOW
_EPS = 1e-6
# Windows per pass. Hidden activations of 16 windows (12 MB) stay in cache and in reused memory; all 64 do neither.
_AT_ONCE = 16


class ReleasedImageEncoder(nn.Module):
    """Image encoder with LoRA merged and everything that is linear before the first block folded into one matrix."""

    def __init__(self) -> None:
        super().__init__()
        self.cells = nn.Linear(CELL**3, WIDTH)
        self.position = nn.Parameter(torch.empty(GRID**3 // TOKENS, TOKENS, WIDTH))
        self.blocks = nn.ModuleList(EncoderBlock() for _ in range(BLOCKS))
        self.narrow = nn.Linear(WIDTH, EMBEDDING, bias=False)
        self.narrow_norm = nn.LayerNorm(EMBEDDING, eps=_EPS)
        self.smooth = nn.Conv2d(EMBEDDING, EMBEDDING, 3, padding=1, bias=False)
        self.smooth_norm = nn.LayerNorm(EMBEDDING, eps=_EPS)

    def image_tokens(self, volume: Tensor) -> Tensor:
        """(B, 128, 128, 128) axes D, H, W -> (B, 64 windows, 64 tokens, 768), positions added. No prompt needed."""
        padded = F.pad(volume.unsqueeze(1), (1,) * 6, mode="replicate").squeeze(1)
        step = CROP // GRID
        cells = padded.unfold(1, CELL, step).unfold(2, CELL, step).unfold(3, CELL, step)
        return dense(self.cells, to_windows(cells.reshape(len(volume), GRID, GRID, GRID, CELL**3))) + self.position

    def forward(self, tokens: Tensor, prompt: Tensor) -> Tensor:
        """`image_tokens` and prompt features (B, 768, 16, 16, 16) axes D, H, W -> (B, 256, 16, 16, 16) axes H, W, D."""
        x = tokens + to_windows(prompt.permute(0, 2, 3, 4, 1))
        parts = x.flatten(0, 1).split(_AT_ONCE)
        for block in self.blocks:
            for part in parts:
                block(part)
        narrow = self.narrow_norm(dense(self.narrow, x))
        batch = len(x)
        slices = from_windows(narrow).flatten(0, 1).permute(0, 3, 1, 2)
        smooth = self.smooth_norm(self.smooth(slices).permute(0, 2, 3, 1))
        return smooth.reshape(batch, GRID, GRID, GRID, EMBEDDING).permute(0, 4, 2, 3, 1)


class EncoderBlock(nn.Module):
    """LayerNorm, window attention, LayerNorm, MLP, tail adapter; each but the norms with a residual."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(WIDTH, eps=_EPS)
        self.attention = WindowAttention()
        self.norm2 = nn.LayerNorm(WIDTH, eps=_EPS)
        self.lin1 = nn.Linear(WIDTH, HIDDEN)
        self.lin2 = nn.Linear(HIDDEN, WIDTH)
        self.tail1 = nn.Linear(WIDTH, TAIL)
        self.tail2 = nn.Linear(TAIL, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        """Windows (N, 64, 768), changed in place and returned: they are the caller's own sum with the prompt."""
        x += self.attention(self.norm1(x))
        x += dense(self.lin2, dense(self.lin1, self.norm2(x), gelu=True))
        x += dense(self.tail2, dense(self.tail1, x, gelu=True))
        return x


class WindowAttention(nn.Module):
    """Attention inside 8 x 8 windows with SAM's decomposed relative positions (Kirillov et al., Segment Anything)."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.proj = nn.Linear(WIDTH, WIDTH)
        # For each token: the 8 vectors of its distances to the key rows, then the 8 to the key columns.
        self.relative = nn.Parameter(torch.empty(TOKENS, WIDTH // HEADS, 2 * WINDOW))

    def forward(self, x: Tensor) -> Tensor:
        """(N, 64, 768) -> (N, 64, 768)."""
        count = len(x)
        query, key, value = dense(self.qkv, x).view(count, TOKENS, 3, HEADS, -1).permute(2, 0, 3, 1, 4)
        by_token = query.permute(2, 0, 1, 3).reshape(TOKENS, count * HEADS, -1)
        distance = torch.bmm(by_token, self.relative).view(TOKENS, count, HEADS, 2 * WINDOW).permute(1, 2, 0, 3)
        bias = distance[..., :WINDOW, None] + distance[..., None, WINDOW:]
        bias = bias.reshape(count, HEADS, TOKENS, TOKENS)
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        return dense(self.proj, mixed.transpose(1, 2).reshape(count, TOKENS, WIDTH))
