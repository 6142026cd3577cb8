import pytest
import torch
from torch import nn

from Fast3DSAM.Logic.model.convolution import Convolution3D, UpsampleLinear, doubled, from_fine_grid, to_fine_grid


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


@pytest.mark.parametrize("batch", [1, 3])
def test_doubling_is_the_trilinear_interpolation(batch):
    x = torch.randn(batch, 2, 4, 6, 8, requires_grad=True)
    expected = torch.nn.functional.interpolate(x, scale_factor=2.0, mode="trilinear", align_corners=False)
    torch.testing.assert_close(doubled(x), expected, atol=1e-6, rtol=1e-6)
    weights = torch.randn_like(expected)
    gradients = [torch.autograd.grad((y * weights).sum(), x)[0] for y in (doubled(x), expected)]
    torch.testing.assert_close(*gradients, atol=1e-5, rtol=1e-5)
    with torch.inference_mode():
        torch.testing.assert_close(doubled(x), expected, atol=1e-6, rtol=1e-6)
    with torch.no_grad():  # what was remembered while inferring is no inference tensor
        torch.testing.assert_close(doubled(x), expected, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last_3d])
def test_a_convolution_of_one_voxel_is_the_same_in_either_layout(layout):
    convolution = Convolution3D(5, 3, 1)
    x = torch.randn(2, 5, 4, 6, 8).contiguous(memory_format=layout)
    expected = torch.nn.Conv3d.forward(convolution, x)
    with torch.inference_mode():
        torch.testing.assert_close(convolution(x), expected, atol=1e-6, rtol=1e-5)
