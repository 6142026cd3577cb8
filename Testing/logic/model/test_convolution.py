import pytest
import torch
from torch import nn

from Fast3DSAM.Logic.model.convolution import Convolution3D, UpsampleLinear, from_fine_grid, to_fine_grid


@pytest.mark.parametrize(
    "settings", [{"padding": 1}, {"stride": 2, "padding": 1}, {"bias": False}, {"padding": 1, "groups": 4}]
)
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last_3d])
def test_the_direct_way_gives_what_pytorch_gives(settings, layout):
    torch.manual_seed(0)
    fast = Convolution3D(4, 8, 3, **settings)
    plain = nn.Conv3d(4, 8, 3, **settings)
    plain.load_state_dict(fast.state_dict())
    x = torch.randn(1, 4, 9, 10, 11).contiguous(memory_format=layout)
    with torch.no_grad():
        torch.testing.assert_close(fast(x), plain(x), atol=1e-5, rtol=1e-5)


def test_training_goes_through_autograd():
    fast = Convolution3D(4, 8, 3)
    fast(torch.randn(1, 4, 5, 5, 5)).sum().backward()
    assert fast.weight.grad is not None


def test_doubling_the_grid_is_a_transposed_convolution():
    torch.manual_seed(0)
    fast = UpsampleLinear(6, 5)
    x = torch.randn(2, 6, 3, 4, 5)
    expected = nn.functional.conv_transpose3d(x, fast.weight, fast.bias, stride=2)
    torch.testing.assert_close(fast(x), expected, atol=1e-5, rtol=1e-5)


def test_a_finer_grid_holds_eight_voxels_for_each_and_comes_back_unchanged():
    coarse = torch.arange(2 * 8 * 3 * 4 * 5, dtype=torch.float32).view(2, 8, 3, 4, 5)
    fine = to_fine_grid(coarse)
    assert fine.shape == (2, 1, 6, 8, 10) and torch.equal(from_fine_grid(fine), coarse)
    assert fine[1, 0, 5, 2, 9] == coarse[1, 0b101, 2, 1, 4]
