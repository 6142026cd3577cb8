"""Pseudo-labels: regions end where the image changes, and not at the crop's faces."""

import numpy as np
import pytest

from Fast3DSAM.Logic.training.pseudo_labels import _with_edges, supervoxel_labels


def noisy_cube(seed: int) -> np.ndarray:
    image = np.full((32, 32, 32), 50.0, np.float32)
    image[8:24, 8:24, 8:24] = 150
    return image + np.random.default_rng(seed).normal(0, 5, image.shape).astype(np.float32)


@pytest.mark.parametrize("seed", range(8))
def test_no_large_region_reaches_across_the_edge_of_a_cube(seed):
    labels = supervoxel_labels(np.random.default_rng(seed), noisy_cube(seed))
    inside = np.zeros(labels.shape, bool)
    inside[8:24, 8:24, 8:24] = True
    for value in np.unique(labels[labels > 0]):
        if (labels == value).sum() < 400:  # slivers of the smoothed edge itself
            continue
        share = inside[labels == value].mean()
        assert share < 0.35 or share > 0.65


def test_the_cube_itself_is_found():
    cube = noisy_cube(0) > 100
    overlaps = []
    for seed in range(20):
        labels = supervoxel_labels(np.random.default_rng(seed), noisy_cube(0))
        found = labels == np.bincount(labels[cube]).argmax()
        overlaps.append((found & cube).sum() / (found | cube).sum() if labels[cube].any() else 0)
    assert max(overlaps) > 0.9


def test_a_region_whose_border_is_no_edge_is_left_out():
    regions = np.ones((16, 16, 16), np.int64)
    regions[4:12, 4:12, 4:12] = 2
    ramp = np.broadcast_to(np.linspace(0, 1, 16), regions.shape).astype(np.float32)
    assert not (_with_edges(regions, ramp) == 2).any()
    assert (_with_edges(regions, (regions == 2).astype(np.float32)) == 2).any()


def test_a_region_cut_off_by_the_crop_is_left_out():
    regions = np.ones((16, 16, 16), np.int64)
    regions[:, :, :3] = 2
    assert not (_with_edges(regions, (regions == 2).astype(np.float32)) == 2).any()
