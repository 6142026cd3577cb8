import numpy as np
import pytest
import torch
from scipy import ndimage

from Fast3DSAM.Logic.training.batched_clicks import places_in_errors, squared_depth


def _blocks(*bounds) -> torch.Tensor:
    masks = torch.zeros(len(bounds), 16, 16, 16, dtype=torch.bool)
    for mask, (lo, hi) in zip(masks, bounds):
        mask[lo:hi, lo:hi, lo:hi] = True
    return masks


TARGETS = _blocks((4, 12), (2, 7), (8, 16))


def _places(seed=0, masks=None, targets=TARGETS, counts=(1, 1, 1), deepest=0.65):
    masks = torch.zeros_like(targets) if masks is None else masks
    return places_in_errors(np.random.default_rng(seed), masks, targets, counts, deepest)


def test_depths_are_scipy_s_distances_up_to_the_reach():
    rng = np.random.default_rng(0)
    masks = np.stack([ndimage.gaussian_filter(rng.standard_normal((20, 24, 16)), 3) > level for level in (-0.05, 0, 1)])
    masks[0, :12] = True  # deep, and cut by the faces
    exact = [ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1, 1:-1] ** 2 for mask in masks]
    for reach in (16, 4):
        found = squared_depth(torch.from_numpy(masks), reach).numpy()
        np.testing.assert_array_equal(found, np.minimum(np.rint(exact), reach**2))


def test_every_row_gets_as_many_places_as_it_is_to():
    assert [len(row) for row in _places(counts=[2, 0, 3])] == [2, 0, 3]
    assert [len(row) for row in _places(counts=[0, 0, 0])] == [0, 0, 0]


@pytest.mark.parametrize("seed", range(6))
def test_places_lie_in_the_errors_and_say_what_is_there(seed):
    masks = TARGETS.clone()
    masks[0, 4:8] = False  # missing
    masks[1, 9:] = True  # too much
    masks[2] = False
    for row, places in enumerate(_places(seed, masks, counts=[4, 4, 4])):
        for voxel, is_target in places:
            assert masks[row][voxel] != TARGETS[row][voxel] and is_target == bool(TARGETS[row][voxel])
            assert is_target == (row != 1)


def test_the_share_that_is_to_be_deepest_is():
    depth = squared_depth(TARGETS)
    for share, low, high in ((1.0, 1.0, 1.0), (0.0, 0.0, 0.6), (0.5, 0.4, 0.8)):
        found = [p for seed in range(30) for p in _places(seed, counts=[4, 0, 0], deepest=share)[0]]
        at_deepest = np.mean([float(depth[0][voxel] == depth[0].max()) for voxel, _ in found])
        assert low <= at_deepest <= high


def test_other_places_are_drawn_by_the_square_of_their_depth():
    depth = squared_depth(TARGETS[:1])[0].numpy()
    found = [p[0] for seed in range(150) for p in _places(seed, targets=TARGETS[:1], counts=[4], deepest=0.0)[0]]
    mean = np.mean([depth[voxel] for voxel in found])
    assert abs(mean - (depth.astype(float) ** 2).sum() / depth.sum()) < 0.6


def test_a_perfect_mask_is_clicked_in_its_target_and_an_empty_target_anywhere():
    targets = torch.cat([TARGETS[:1], torch.zeros_like(TARGETS[:1])])
    inside, anywhere = _places(masks=targets, targets=targets, counts=[1, 1])
    assert inside[0][1] and targets[0][inside[0][0]] and not anywhere[0][1]
