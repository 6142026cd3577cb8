"""SAM's attention without clustering: every slice by itself, in windows or whole."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from .attention import SuperTokenAttention


def attend_in_slices(attention: SuperTokenAttention, tokens: Tensor, window: int) -> Tensor:
    """Tokens (B, D, H, W, C) -> the same shape; `window` tokens per axis of a slice, 0 for the whole slice.

    A slice that the window does not divide is padded with zeros at its far ends, and these take part in the attention,
    as in SAM.
    """
    batch, depth, height, columns, width = tokens.shape
    slices = tokens.flatten(0, 1)
    if not window:
        return attention(slices.flatten(1, 2), (1, height, columns)).view_as(tokens)
    slices = F.pad(slices, (0, 0, 0, -columns % window, 0, -height % window))
    down, across = slices.shape[1] // window, slices.shape[2] // window
    cut = slices.view(-1, down, window, across, window, width).transpose(2, 3)
    mixed = attention(cut.reshape(-1, window * window, width), (1, window, window))
    whole = mixed.view(-1, down, across, window, window, width).transpose(2, 3)
    whole = whole.reshape(batch, depth, down * window, across * window, width)
    return whole[:, :, :height, :columns]
