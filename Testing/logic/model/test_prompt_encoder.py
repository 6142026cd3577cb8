import pytest
import torch

from Fast3DSAM.Logic.model.prompt_encoder import _box_map, _click_maps, sample
from Testing.logic.model.networks import image, network, prompts


def test_a_click_map_peaks_where_the_click_is():
    points = torch.tensor([[[10.5, 20.5, 4.5]]])
    maps = _click_maps(points, torch.tensor([[1]]), (16, 16, 16))[0]
    for channel in maps[:2]:
        assert torch.unravel_index(channel.argmax(), channel.shape) == (5, 10, 2) and channel.max() == 1
    assert maps[2:].abs().max() == 0
    background = _click_maps(points, torch.tensor([[0]]), (16, 16, 16))[0]
    torch.testing.assert_close(background[2:], maps[:2])


def test_padding_leaves_no_trace_in_click_maps():
    points = torch.tensor([[[10.5, 20.5, 4.5], [3, 3, 3]]])
    one = _click_maps(points[:, :1], torch.tensor([[1]]), (16, 16, 16))
    torch.testing.assert_close(_click_maps(points, torch.tensor([[1, -1]]), (16, 16, 16)), one)


def test_the_box_map_is_1_inside_and_0_outside():
    box = torch.tensor([[[4.0, 8.0, 0.0], [19.0, 23.0, 31.0]]])
    found = _box_map(box, torch.tensor([True]), (16, 16, 16))[0, 0]
    assert (found[3:9, 5:11, 1:15] == 1).all()
    assert found[0].max() == 0 and found[11:].max() == 0 and found[:, :3].max() == 0 and found[:, 13:].max() == 0
    assert _box_map(box, torch.tensor([False]), (16, 16, 16)).abs().max() == 0


def test_features_are_sampled_at_the_voxel_under_the_point():
    """Each voxel of the 1/2 grid holds its own centre's position in voxels of the tile."""
    line = torch.arange(16.0) * 2 + 0.5
    features = torch.stack(torch.meshgrid(line, line, line, indexing="ij"))[None]
    points = torch.tensor([[[10.5, 20.5, 4.5], [11.3, 7.9, 25.0], [0.5, 30.5, 16.0]]])
    torch.testing.assert_close(sample(features, points, torch.tensor([32.0] * 3)), points, atol=1e-4, rtol=0)


def test_similarity_is_1_at_a_click_on_a_voxel_s_centre():
    model, clicks = network(), prompts(clicks=2)
    embedding = model.embed(image())
    points = torch.tensor([[[10.5, 20.5, 4.5], [24.5, 6.5, 12.5]]])
    maps = model.prompt_encoder.similarities(clicks._replace(points=points), embedding)[0]
    assert maps[0, 5, 10, 2] == pytest.approx(1, abs=1e-5) and maps[0].max() <= 1 + 1e-5
    assert maps[1, 12, 3, 6] == pytest.approx(1, abs=1e-5) and maps[1, 5, 10, 2] < 1


def test_similarity_to_clicks_of_a_sign_that_was_not_given_is_the_lowest():
    model, clicks = network(), prompts(clicks=1)
    maps = model.prompt_encoder.similarities(clicks, model.embed(image()))[0]
    assert (maps[[1, 4]] == -1).all() and (maps[[0, 3]] > -1).any()


def test_the_grid_s_positions_are_those_of_its_voxel_centres():
    encoder = network().prompt_encoder
    grid = encoder.grid_position((2, 4, 8), torch.device("cpu"))[0].view(2, 4, 8, -1)
    torch.testing.assert_close(grid[1, 2, 5], encoder.position(torch.tensor([1.5 / 2, 2.5 / 4, 5.5 / 8])))


def test_only_given_prompts_are_valid_tokens():
    model, clicks = network(), prompts(clicks=3)
    clicks.labels[0, 2] = -1
    embedding = model.embed(image())
    assert model.prompt_encoder(clicks, embedding).valid.tolist() == [[True, True, False, False, False]]
    boxed = clicks._replace(boxes=torch.tensor([[[2.0, 2, 2], [20, 20, 20]]]))
    assert model.prompt_encoder(boxed, embedding).valid.tolist() == [[True, True, False, True, True]]
