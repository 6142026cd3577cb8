import torch

from Fast3DSAM.Logic.model.adapter import EfficientAdapter


def test_a_new_adapter_leaves_the_output_unchanged():
    tokens = torch.randn(2, 3, 4, 5, 16)
    assert torch.equal(EfficientAdapter(16, 8)(tokens), tokens)


def test_a_trained_adapter_carries_a_token_to_its_neighbours_along_every_axis():
    adapter = EfficientAdapter(16, 8)
    torch.manual_seed(0)
    with torch.no_grad():
        adapter.up.weight.normal_()
        still = adapter(torch.zeros(1, 7, 7, 7, 16))
        tokens = torch.zeros(1, 7, 7, 7, 16)
        tokens[0, 3, 3, 3] = 1
        reached = (adapter(tokens) - still).abs().amax(-1)[0] > 1e-6
    expected = torch.zeros(7, 7, 7, dtype=torch.bool)
    expected[2:5, 2:5, 2:5] = True
    assert torch.equal(reached, expected)


def test_a_new_adapter_can_be_trained():
    adapter = EfficientAdapter(16, 8)
    adapter(torch.randn(1, 3, 3, 3, 16)).square().sum().backward()
    assert adapter.up.weight.grad.abs().sum() > 0
