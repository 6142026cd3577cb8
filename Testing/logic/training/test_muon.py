"""Muon on kernels: the same as PyTorch's on their matrices, whatever the layout."""

from copy import deepcopy

import pytest
import torch
from torch import nn

from Fast3DSAM.Logic.training.muon import KernelMuon, split_for_muon


def kernel(seed: int, layout: torch.memory_format = torch.contiguous_format) -> nn.Parameter:
    values = torch.randn(16, 18, 3, 3, 3, generator=torch.Generator().manual_seed(seed))
    return nn.Parameter(values.contiguous(memory_format=layout))


@pytest.mark.parametrize("of_weight", [torch.contiguous_format, torch.channels_last_3d], ids=str)
@pytest.mark.parametrize("of_gradient", [torch.contiguous_format, torch.channels_last_3d], ids=str)
def test_a_kernel_moves_as_its_matrix_does(of_weight, of_gradient):
    weight = kernel(0, of_weight)
    matrix = nn.Parameter(kernel(0).detach().flatten(1))
    ours = KernelMuon([weight], lr=0.1, weight_decay=0.1)
    theirs = torch.optim.Muon([matrix], lr=0.1, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
    for seed in (1, 2):
        matrix.grad = kernel(seed).detach().flatten(1)
        weight.grad = kernel(seed, of_gradient).detach()
        ours.step()
        theirs.step()
    assert not torch.equal(weight, kernel(0))
    # Sums in bfloat16 depend on the order of the columns.
    torch.testing.assert_close(weight.detach().flatten(1), matrix.detach(), rtol=0, atol=0.01)


def test_a_weight_without_gradient_stays():
    weight, still = kernel(0), kernel(1)
    optimizer = KernelMuon([weight, still], lr=0.1)
    weight.grad = torch.ones_like(weight)
    optimizer.step()
    assert torch.equal(still, kernel(1)) and not torch.equal(weight, kernel(0))


def test_the_state_can_be_saved_and_goes_on():
    weights = [kernel(0), kernel(0)]
    first, second = (KernelMuon([weight], lr=0.1) for weight in weights)
    for seed in (1, 2):
        for weight, optimizer in zip(weights, (first, second)):
            weight.grad = kernel(seed).detach()
            optimizer.step()
        second = KernelMuon([weights[1]], lr=0.1)
        second.load_state_dict(deepcopy(first.state_dict()))
    assert torch.equal(*weights)


def test_a_weight_that_does_not_lie_in_one_piece_is_refused():
    with pytest.raises(ValueError, match="one piece"):
        KernelMuon([nn.Parameter(kernel(0).detach()[:, :16])], lr=0.1)


def test_muon_gets_what_is_wide_in_both_directions():
    linear, thin = nn.Parameter(torch.ones(16, 16)), nn.Parameter(torch.ones(1, 64))
    depthwise, bias = nn.Parameter(torch.ones(32, 1, 3, 3, 3)), nn.Parameter(torch.ones(64))
    position = nn.Parameter(torch.ones(1, 8, 8, 128))
    wide = kernel(0)
    matrices, rest = split_for_muon([linear, thin, depthwise, wide, bias, position])
    assert [id(w) for w in matrices] == [id(linear), id(wide)]
    assert [id(w) for w in rest] == [id(thin), id(depthwise), id(bias), id(position)]
