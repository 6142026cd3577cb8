"""Geodesic maps: what they say about edges, clicks and rows without clicks."""

import numpy as np
import pytest
import torch
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra

from Fast3DSAM.Logic.model.geodesic import (
    _FAR,
    _STEP,
    GEODESIC_MAPS,
    _scanned_at_once,
    geodesic_distance,
    geodesic_maps,
)


def shortest_ways(grey: np.ndarray, seed: tuple) -> np.ndarray:
    """The same distance by Dijkstra's algorithm on the graph of face neighbours."""
    index = np.arange(grey[0].size).reshape(grey.shape[1:])
    ends, costs = [], []
    for axis in range(3):
        first, second = (np.delete(index, end, axis).ravel() for end in (-1, 0))
        ends.append(np.stack([first, second]))
        costs.append(np.abs(np.diff(grey, axis=axis + 1)).sum(0).ravel() + _STEP)
    (rows, columns), values = np.concatenate(ends, 1), np.concatenate(costs)
    graph = coo_matrix((values, (rows, columns)), shape=(index.size,) * 2)
    return dijkstra(graph, directed=False, indices=index[seed]).reshape(index.shape)


def seeded(shape: tuple, seed: tuple) -> torch.Tensor:
    seeds = torch.zeros(1, *shape, dtype=torch.bool)
    seeds[(0, *seed)] = True
    return seeds


def test_the_scans_find_the_shortest_ways():
    grey = np.random.default_rng(0).random((2, 9, 11, 10)).astype(np.float32)
    found = geodesic_distance(torch.from_numpy(grey)[None], seeded((9, 11, 10), (4, 5, 2)))[0].numpy()
    exact = shortest_ways(grey, (4, 5, 2))
    assert (found >= exact - 1e-4).all()
    assert np.mean(found - exact) < 0.05 * exact.mean()  # in noise, where ways are most crooked


def test_lines_scanned_at_once_as_on_a_gpu_are_the_same():
    grey = torch.from_numpy(np.random.default_rng(1).random((2, 2, 9, 11, 10)).astype(np.float32))
    seeds = torch.cat([seeded((9, 11, 10), (4, 5, 2)), seeded((9, 11, 10), (0, 0, 9))])
    at_once = _scanned_at_once(torch.where(seeds, 0.0, _FAR), grey)
    torch.testing.assert_close(at_once, geodesic_distance(grey, seeds), rtol=0, atol=1e-3)


def test_a_wall_with_a_gap_is_gone_around():
    grey = torch.zeros(1, 1, 8, 8, 8)
    grey[:, :, 4] = 5.0
    grey[:, :, 4, 0, 0] = 0.0
    distance = geodesic_distance(grey, seeded((8, 8, 8), (0, 7, 7)))[0]
    assert distance[7, 7, 7] == pytest.approx((7 + 14 + 14) * _STEP, abs=1e-5)
    assert distance[4, 7, 7] > 5


def test_maps_are_one_at_the_click_fall_behind_an_edge_and_are_zero_without_a_click():
    grey = torch.zeros(2, 2, 8, 8, 8)
    grey[..., 4:] = 2.0
    points = torch.tensor([[[7.0, 7.0, 3.0], [7.0, 7.0, 13.0]]]).expand(2, -1, -1)
    foreground = torch.tensor([[True, False], [False, False]])
    maps = geodesic_maps(grey, points, foreground[None])
    assert maps.shape == (2, GEODESIC_MAPS, 8, 8, 8)
    assert torch.equal(maps[0, :, 3, 3, 1], torch.ones(GEODESIC_MAPS))
    assert (maps[0, :, 3, 3, 3] > 3 * maps[0, :, 3, 3, 4]).all()
    assert not maps[1].any()


def test_each_sign_has_maps_of_its_own():
    grey = torch.zeros(1, 1, 8, 8, 8)
    points = torch.tensor([[[3.0, 3.0, 3.0], [13.0, 13.0, 13.0]]])
    foreground = torch.tensor([[True, False]])
    maps = geodesic_maps(grey, points, torch.stack([foreground, ~foreground]))
    for sign, (own, other) in enumerate([(1, 6), (6, 1)]):
        of_sign = maps[0, sign * GEODESIC_MAPS : (sign + 1) * GEODESIC_MAPS]
        assert (of_sign[:, own, own, own] == 1).all() and (of_sign[:, other, other, other] < 1).all()


def test_a_click_beside_the_tile_seeds_nothing():
    grey = torch.zeros(1, 2, 4, 4, 4)
    assert not geodesic_maps(grey, torch.tensor([[[9.0, 2.0, 2.0]]]), torch.tensor([[[True]]])).any()


def test_maps_do_not_depend_on_the_order_of_clicks_or_on_other_rows():
    generator = torch.Generator().manual_seed(1)
    grey = torch.rand(2, 2, 8, 8, 8, generator=generator)
    points = torch.rand(2, 3, 3, generator=generator) * 15
    chosen = torch.ones(1, 2, 3, dtype=torch.bool)
    maps = geodesic_maps(grey, points, chosen)
    assert torch.equal(maps, geodesic_maps(grey, points.flip(1), chosen))
    assert torch.equal(maps[1:], geodesic_maps(grey[1:], points[1:], chosen[:, 1:]))
