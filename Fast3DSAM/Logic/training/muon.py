"""Muon for the matrices of a network, convolution kernels among them."""

from __future__ import annotations

from typing import Any, Iterable, List, Tuple

import torch
from torch import Tensor, nn

_SMALLEST = 16  # rows and columns: what is thinner has no spectrum worth levelling


class KernelMuon(torch.optim.Muon):
    """`torch.optim.Muon`, which takes matrices only, for weights (out, in, ...): it sees each as out x (in ...).

    The matrices are views of the weights, so create it when these have come to the device they stay on. Its updates
    are as large as AdamW's (`match_rms_adamw`), so both share a learning rate (Liu et al., Muon is Scalable for LLM
    Training, 2025).
    """

    def __init__(self, weights: Iterable[nn.Parameter], **settings: Any) -> None:
        """`settings` are those of `torch.optim.Muon`. Raises `ValueError` for a weight not in one piece."""
        self._weights = list(weights)
        self._matrices = [nn.Parameter(as_matrix(weight.detach(), weight)) for weight in self._weights]
        for matrix, weight in zip(self._matrices, self._weights):
            if matrix.data_ptr() != weight.data_ptr():
                raise ValueError(f"a weight of shape {tuple(weight.shape)} does not lie in one piece")
        super().__init__(self._matrices, adjust_lr_fn="match_rms_adamw", **settings)

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """One step with the gradients that the weights have now; weights without one stay."""
        for matrix, weight in zip(self._matrices, self._weights):
            matrix.grad = None if weight.grad is None else as_matrix(weight.grad, weight)
        return super().step(closure)


def split_for_muon(weights: Iterable[nn.Parameter]) -> Tuple[List[nn.Parameter], List[nn.Parameter]]:
    """Those that Muon is for, and the rest: biases, norms, embeddings, depthwise kernels and thin last layers."""
    matrices, rest = [], []
    for weight in weights:
        is_wide = weight.dim() in (2, 5) and min(weight.shape[:2]) >= _SMALLEST
        (matrices if is_wide else rest).append(weight)
    return matrices, rest


def as_matrix(tensor: Tensor, weight: Tensor) -> Tensor:
    """A `weight` (out, in, ...), or its gradient, as out x (in ...): a view of the weight, channels last or not.

    The order of the columns follows the weight's layout; Muon does not mind which it is.
    """
    return tensor.flatten(1) if weight.is_contiguous() else tensor.movedim(1, -1).flatten(1)
