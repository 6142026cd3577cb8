import numpy as np
import pytest

from Fast3DSAM.Logic.training.synthesis import (
    image_from_labels,
    motion_ghosts,
    noisy,
    scanner_effects,
    thick_slices,
    with_other_contrast,
)

LABELS = np.zeros((24, 24, 24), int)
LABELS[6:18, 6:18, 6:18] = 1


def test_a_ghost_is_a_faint_shifted_copy():
    image = np.zeros((24, 24, 24), np.float32)
    image[12, 12, 12] = 1
    ghosts = motion_ghosts(np.random.default_rng(0), image)
    assert ghosts[12, 12, 12] >= 0.8 and np.count_nonzero(ghosts) in (2, 3)
    assert 0 < np.abs(ghosts).sum() - ghosts[12, 12, 12] <= 0.2


@pytest.mark.parametrize("seed", range(12))
def test_noise_changes_voxels_but_not_the_mean(seed):
    image = np.full((24, 24, 24), 0.8, np.float32)
    found = noisy(np.random.default_rng(seed), image)
    assert found.shape == image.shape and np.isfinite(found).all()
    assert 0 < found.std() < 0.25 and abs(found.mean() - 0.8) < 0.05


def test_thick_slices_are_averages_along_one_axis():
    image = np.random.default_rng(0).standard_normal((24, 24, 24)).astype(np.float32)
    thick = thick_slices(np.random.default_rng(1), image)
    roughness = [np.diff(thick, axis=axis).std() for axis in range(3)]
    assert min(roughness) < 0.6 * np.median(roughness) and abs(thick.mean() - image.mean()) < 0.05


@pytest.mark.parametrize("seed", range(8))
def test_images_are_finite_vary_and_depend_on_the_seed_alone(seed):
    first, again = (image_from_labels(np.random.default_rng(seed), LABELS) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert first.dtype == np.float32 and np.isfinite(first).all() and first.std() > 0


def test_most_images_show_the_border_of_the_label():
    contrast = []
    for seed in range(30):
        image = image_from_labels(np.random.default_rng(seed), LABELS)
        contrast.append(abs(np.corrcoef(image.ravel(), LABELS.ravel())[0, 1]))
    assert np.median(contrast) > 0.5


def test_effects_at_no_strength_keep_the_order_of_intensities():
    image = np.linspace(0, 1, 24**3, dtype=np.float32).reshape(24, 24, 24)
    for seed in range(10):
        found = scanner_effects(np.random.default_rng(seed), image, strength=0.0)
        steps = np.diff(found.ravel())
        assert (steps >= -1e-5).all() or (steps <= 1e-5).all()


def test_another_contrast_moves_structures_as_wholes_and_leaves_the_rest():
    labels = LABELS.copy()
    labels[6:18, 6:18, 12:18] = 2
    image = np.random.default_rng(0).normal(0, 10, labels.shape).astype(np.float32)
    moved = []
    for seed in range(40):
        change = with_other_contrast(np.random.default_rng(seed), image, labels) - image
        assert abs(change[:3]).max() < 1e-3  # background
        cores = change[8:16, 8:16, 8:10], change[8:16, 8:16, 15:16]
        assert all(np.ptp(core) < 0.15 * (1 + abs(core).max()) for core in cores)
        moved.append([core.mean() for core in cores])
    spreads = np.std(moved, 0)
    assert ((spreads > 3) & (spreads < 30)).all() and (np.abs(moved) < 1e-3).mean() > 0.3


def test_an_image_without_structures_keeps_its_contrast():
    image = np.ones((8, 8, 8), np.float32)
    np.testing.assert_array_equal(with_other_contrast(np.random.default_rng(0), image, np.zeros((8, 8, 8), int)), image)
