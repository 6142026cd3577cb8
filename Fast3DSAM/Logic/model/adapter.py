"""The efficient adapter behind each block's feed-forward network."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class EfficientAdapter(nn.Module):
    """Bottleneck with a depthwise 3x3x3 convolution, which lets a transformer of 2D origin see along the slices.

    tokens + up(GELU(depthwise(down(tokens)))); `up` starts at zero, so a new adapter changes nothing.
    """

    def __init__(self, width: int, bottleneck: int) -> None:
        super().__init__()
        self.down = nn.Linear(width, bottleneck)
        self.depthwise = nn.Conv3d(bottleneck, bottleneck, 3, padding=1, groups=bottleneck)
        self.up = nn.Linear(bottleneck, width)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, D, H, W, C) -> the same shape."""
        hidden = self.down(tokens).permute(0, 4, 1, 2, 3)
        hidden = hidden + self.depthwise(hidden)
        return tokens + self.up(F.gelu(hidden.permute(0, 2, 3, 4, 1)))
