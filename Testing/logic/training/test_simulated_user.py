import numpy as np
import pytest
import torch
from scipy import ndimage

from Fast3DSAM.Logic.model.prompt_encoder import BACKGROUND, FOREGROUND, PADDING
from Fast3DSAM.Logic.training.simulated_user import (
    SimulatedUser,
    _blurring,
    _enlarging,
    correcting_click,
    earlier_masks,
)


def _block(lo, hi) -> np.ndarray:
    mask = np.zeros((16, 16, 16), bool)
    mask[lo:hi, lo:hi, lo:hi] = True
    return mask


TARGET = _block(4, 12)


def _voxel(click) -> tuple:
    return tuple(np.rint(click.position).astype(int))


@pytest.mark.parametrize("seed", range(12))
def test_a_click_lies_in_the_largest_error_and_has_its_label(seed):
    missing = TARGET.copy()
    missing[4:8] = False  # 256 voxels of the target are missing,
    missing[0:2, 0:2, 0:2] = True  # 8 are too many
    click = correcting_click(np.random.default_rng(seed), missing, TARGET)
    assert click.label == FOREGROUND and (TARGET & ~missing)[_voxel(click)]
    too_much = TARGET.copy()
    too_much[12:16] = True
    click = correcting_click(np.random.default_rng(seed), too_much, TARGET)
    assert click.label == BACKGROUND and (too_much & ~TARGET)[_voxel(click)]


def test_the_largest_error_is_a_component_not_a_sum():
    mask = TARGET.copy()
    mask[5:8, 5:8, 5:8] = False
    for corner in ((0, 0, 0), (0, 0, 14), (0, 14, 0), (14, 0, 0), (14, 14, 14)):
        mask[tuple(slice(c, c + 2) for c in corner)] = True
    for seed in range(10):
        assert correcting_click(np.random.default_rng(seed), mask, TARGET).label == FOREGROUND


def test_many_clicks_sit_at_the_deepest_place():
    depth = ndimage.distance_transform_edt(TARGET)
    found = [depth[_voxel(correcting_click(np.random.default_rng(s), ~TARGET & False, TARGET))] for s in range(40)]
    assert np.mean(np.array(found) == depth.max()) >= 0.4 and min(found) < depth.max()


def test_a_perfect_mask_gets_one_more_click_into_the_target():
    click = correcting_click(np.random.default_rng(0), TARGET, TARGET)
    assert click.label == FOREGROUND and TARGET[_voxel(click)]


def test_an_error_at_the_border_is_clicked_inside_the_tile():
    edge = np.zeros_like(TARGET)
    edge[0] = True
    for seed in range(10):
        click = correcting_click(np.random.default_rng(seed), np.zeros_like(edge), edge)
        assert edge[_voxel(click)]


def test_a_user_s_prompts_grow_round_by_round_and_keep_the_earlier_ones():
    targets = np.stack([TARGET, _block(2, 6), _block(8, 15)])
    user = SimulatedUser(np.random.default_rng(0), torch.from_numpy(targets))
    previous, points = torch.zeros(3, 1, 16, 16, 16), None
    for number in range(3):
        user.look(torch.zeros(targets.shape, dtype=torch.bool), first=number == 0)
        prompts = user.prompts(previous)
        assert prompts.points.shape[:2] == prompts.labels.shape and len(prompts.points) == 3
        assert ((prompts.labels == PADDING) == (prompts.points.abs().sum(-1) == 0)).all()
        if points is not None:
            assert torch.equal(prompts.points[:, : points.shape[1]][points != 0], points[points != 0])
        points = prompts.points
    assert points.shape[1] >= 3


@pytest.mark.skipif(not torch.cuda.is_available(), reason="this computer has no CUDA device")
def test_on_a_gpu_too_the_clicks_lie_in_the_errors():
    targets = torch.from_numpy(np.stack([TARGET, _block(2, 6), _block(8, 15)])).cuda()
    user = SimulatedUser(np.random.default_rng(0), targets)
    masks = torch.zeros_like(targets)
    masks[1] = True
    user.look(masks, first=False)
    prompts = user.prompts(earlier_masks(np.random.default_rng(0), targets))
    assert prompts.previous.is_cuda and prompts.points.is_cuda
    for row, (points, labels) in enumerate(zip(prompts.points.cpu(), prompts.labels.cpu())):
        given = [tuple(np.rint(p.numpy()).astype(int)) for p, label in zip(points, labels) if label != PADDING]
        assert given and all(masks[row][voxel] != targets[row][voxel] for voxel in given)
        assert set(labels[labels != PADDING].tolist()) == {BACKGROUND if row == 1 else FOREGROUND}


def test_rough_boxes_hold_about_the_target():
    targets = np.stack([TARGET] * 200)
    boxes = SimulatedUser(np.random.default_rng(0), torch.from_numpy(targets)).prompts(torch.zeros(1)).boxes.numpy()
    given = np.isfinite(boxes).all((1, 2))
    assert 0.05 < given.mean() < 0.3
    np.testing.assert_allclose(boxes[given].mean(0), [[4] * 3, [11] * 3], atol=0.6)


def test_earlier_masks_are_given_to_some_and_resemble_the_target():
    targets = np.stack([TARGET] * 100)
    logits = earlier_masks(np.random.default_rng(0), torch.from_numpy(targets), share=0.3).numpy()
    assert logits.shape == (100, 1, 16, 16, 16) and logits.dtype == np.float32 and np.abs(logits).max() <= 8
    given = logits.any((1, 2, 3, 4))
    assert 0.15 < given.mean() < 0.45
    overlap = [2 * (m & TARGET).sum() / (m.sum() + TARGET.sum()) for m in logits[given, 0] > 0]
    assert np.median(overlap) > 0.5 and np.min(overlap) < 0.999
    assert not earlier_masks(np.random.default_rng(0), torch.from_numpy(targets), share=0.0).any()


def test_earlier_masks_lie_where_their_targets_do_along_every_axis():
    target = torch.zeros(20, 16, 16, 16, dtype=torch.bool)
    target[:, 1:6, 2:14, 6:13] = True
    logits = earlier_masks(np.random.default_rng(0), target, share=1.0)[:, 0]
    for axis, middle in enumerate((3.0, 7.5, 9.0)):
        along = (logits > 0).float().sum([a for a in (1, 2, 3) if a != axis + 1])
        centres = (along * torch.arange(16)).sum(1) / along.sum(1)
        assert abs(float(centres.median()) - middle) < 1


def test_what_an_earlier_mask_is_blurred_and_disturbed_by_are_weighted_means():
    np.testing.assert_allclose(_blurring(12, 1.3).sum(1), 1, atol=1e-6)
    middle = ndimage.gaussian_filter1d(np.eye(12), 1.3, axis=0, mode="constant", truncate=6)[6]
    np.testing.assert_allclose(_blurring(12, 1.3)[6], middle, atol=2e-3)
    values = np.array([1.0, 5.0, 2.0])
    found = _enlarging(3, 5, 9) @ np.array([*values, 99.0, 99.0])  # more columns than values: of a finer row
    np.testing.assert_allclose(found, np.interp(np.linspace(0, 2, 9), range(3), values), atol=1e-9)
