"""The neck: tokens become the coarse embedding that prompts and decoder work on."""

from __future__ import annotations

from torch import Tensor, nn

from .convolution import Convolution3D


class Neck(nn.Module):
    """Tokens (B, D, H, W, C) -> coarse embedding (B, outputs, D, H, W).

    SAM's neck with its 3x3 convolution grown to 3x3x3. `hidden` is its width inside, narrowed to `outputs` at the end;
    0 means that both are the same.
    """

    def __init__(self, width: int, outputs: int, hidden: int = 0) -> None:
        super().__init__()
        hidden = hidden or outputs
        self.reduce = nn.Linear(width, hidden, bias=False)
        self.norm1 = nn.LayerNorm(hidden, eps=1e-6)
        self.conv = Convolution3D(hidden, hidden, 3, padding=1, bias=False)
        self.norm2 = nn.LayerNorm(hidden, eps=1e-6)
        self.narrow = nn.Linear(hidden, outputs) if hidden != outputs else None

    def forward(self, tokens: Tensor) -> Tensor:
        embedding = self.wide(tokens)
        return (embedding if self.narrow is None else self.narrow(embedding)).permute(0, 4, 1, 2, 3)

    def wide(self, tokens: Tensor) -> Tensor:
        """Before the narrowing: (B, D, H, W, hidden), what SAM calls its image embedding."""
        reduced = self.norm1(self.reduce(tokens)).permute(0, 4, 1, 2, 3)
        return self.norm2(self.conv(reduced).permute(0, 2, 3, 4, 1))
