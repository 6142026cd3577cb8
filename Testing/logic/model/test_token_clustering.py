import pytest
import torch

from Fast3DSAM.Logic.model.token_clustering import TokenClustering

GRIDS = [(4, 4, 4), (8, 4, 12), (5, 6, 7), (1, 1, 1)]


def _tokens(grid, width=16, batch=2) -> torch.Tensor:
    return torch.randn(batch, *grid, width, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize(("window", "centres"), [(4, 2), (2, 1), (4, 4)])
def test_the_rows_of_the_assignment_sum_to_1(grid, window, centres):
    clusters = TokenClustering(16, window, centres, 2)(_tokens(grid))
    assert clusters.assignment.shape[1:] == (window**3, centres**3)
    assert (clusters.assignment >= 0).all()
    torch.testing.assert_close(clusters.assignment.sum(-1), torch.ones(clusters.assignment.shape[:2]))


@pytest.mark.parametrize("grid", GRIDS)
def test_upsampling_a_constant_returns_it(grid):
    clustering = TokenClustering(16, 4, 2, 2)
    clusters = clustering(_tokens(grid))
    constant = torch.arange(16.0).expand_as(clusters.tokens)
    torch.testing.assert_close(clustering.upsample(constant, clusters), torch.arange(16.0).expand(2, *grid, 16))


@pytest.mark.parametrize("grid", GRIDS)
def test_as_many_centres_as_tokens_and_a_sharp_temperature_give_the_identity(grid):
    clustering = TokenClustering(16, 4, 4, 2)
    with torch.no_grad():
        clustering.log_sharpness.fill_(8.0)
        tokens = _tokens(grid)
        clusters = clustering(tokens)
        torch.testing.assert_close(clustering.upsample(clusters.tokens, clusters), tokens, atol=1e-4, rtol=0)


def test_super_tokens_are_as_many_as_windows_times_centres():
    clusters = TokenClustering(16, 4, 2, 2)(_tokens((8, 4, 12)))
    assert clusters.tokens.shape == (2, 6 * 8, 16) and clusters.centre_grid == (4, 2, 6)


def test_the_super_tokens_of_a_constant_are_the_constant():
    clusters = TokenClustering(16, 4, 2, 3)(torch.full((1, 8, 8, 8, 16), 3.0))
    torch.testing.assert_close(clusters.tokens, torch.full_like(clusters.tokens, 3.0), atol=1e-4, rtol=0)


def test_super_tokens_stay_at_their_window_s_place():
    """A window that is unlike all others must show in its own centres only, wherever it is."""
    clustering = TokenClustering(16, 4, 2, 2)
    tokens = torch.zeros(1, 8, 8, 12, 16)
    tokens[0, 4:, :4, 8:] = 1
    clusters = clustering(tokens)
    centres = clusters.tokens.view(*clusters.centre_grid, 16)[..., 0]
    expected = torch.zeros(clusters.centre_grid)
    expected[2:, :2, 4:] = 1
    torch.testing.assert_close(centres, expected, atol=1e-4, rtol=0)


def test_clusters_follow_the_content_not_the_grid():
    """Two tissues with a border that the grid of centres does not know: each gets its own super tokens."""
    tokens = torch.zeros(1, 4, 4, 4, 16)
    tokens[0, 3] = 4
    clustering = TokenClustering(16, 4, 2, 3)
    with torch.no_grad():
        clustering.log_sharpness.fill_(4.0)
        clusters = clustering(tokens)
        restored = clustering.upsample(clusters.tokens, clusters)
    torch.testing.assert_close(restored, tokens, atol=0.05, rtol=0)


def test_gradients_reach_tokens_and_temperature():
    clustering = TokenClustering(16, 4, 2, 2)
    tokens = _tokens((5, 4, 4)).requires_grad_(True)
    clusters = clustering(tokens)
    clustering.upsample(clusters.tokens, clusters).square().sum().backward()
    assert tokens.grad.abs().sum() > 0 and clustering.log_sharpness.grad.abs() > 0
