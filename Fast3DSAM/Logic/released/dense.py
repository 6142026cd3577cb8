"""Matrix products by oneDNN where torch has it: over nine tenths of a click are spent in them.

Torch sends a float32 `linear` to MKL, which on AMD processors is an eighth slower than oneDNN for these sizes. The
operator is not part of torch's documented interface, so it is tried once on a small product and used only if right.
"""

from __future__ import annotations

import functools
from typing import Optional

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def dense(layer: nn.Linear, x: Tensor, gelu: bool = False) -> Tensor:
    """`layer(x)`, followed by an exact GELU on request; for inference only."""
    if x.device.type == "cpu" and x.dtype == layer.weight.dtype == torch.float32 and _has_onednn():
        return _onednn(x, layer.weight, layer.bias, gelu)
    return _plain(x, layer.weight, layer.bias, gelu)


def _plain(x: Tensor, weight: Tensor, bias: Optional[Tensor], gelu: bool) -> Tensor:
    y = F.linear(x, weight, bias)
    return F.gelu(y) if gelu else y


def _onednn(x: Tensor, weight: Tensor, bias: Optional[Tensor], gelu: bool) -> Tensor:
    then = ("gelu", [], "none") if gelu else ("none", [], "")
    return torch.ops.mkldnn._linear_pointwise(x, weight, bias, *then)


@functools.lru_cache(maxsize=None)
def _has_onednn() -> bool:
    x, weight, bias = torch.linspace(-2, 2, 48).view(1, 6, 8), torch.linspace(-1, 1, 40).view(5, 8), torch.arange(5.0)
    try:
        return all(
            torch.allclose(_onednn(x, weight, bias, gelu), _plain(x, weight, bias, gelu), atol=1e-4)
            for gelu in (False, True)
        )
    except (AttributeError, RuntimeError, TypeError):  # no such operator, built without oneDNN, or another signature
        return False
