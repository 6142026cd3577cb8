import numpy as np
import pytest

from Fast3DSAM.Logic.training.label_maps import KINDS, random_label_map, with_surroundings
from Fast3DSAM.Logic.training.synthesis import image_from_labels, scanner_effects, thick_slices

SIZE = 24


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(6))
def test_every_kind_has_at_least_two_labels_and_a_finite_image(kind, seed):
    labels = KINDS[kind](np.random.default_rng(seed), SIZE)
    assert labels.shape == (SIZE,) * 3 and labels.dtype.kind == "i" and labels.min() >= 0
    assert len(np.unique(labels)) >= 2
    image = image_from_labels(np.random.default_rng(seed), labels)
    assert image.shape == labels.shape and image.dtype == np.float32 and np.isfinite(image).all() and image.std() > 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_is_a_function_of_its_generator(kind):
    first, again, other = (KINDS[kind](np.random.default_rng(seed), SIZE) for seed in (3, 3, 4))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_all_kinds_are_drawn():
    maps = [random_label_map(np.random.default_rng(seed), 16) for seed in range(30)]
    assert len({len(np.unique(m)) for m in maps}) > 5


def test_surroundings_fill_the_void_and_leave_what_was_there():
    labels = np.zeros((SIZE,) * 3, np.int16)
    labels[4:10, 5:15, 6:16], labels[10:14] = 3, 7
    for seed in range(6):
        filled = with_surroundings(np.random.default_rng(seed), labels)
        assert np.array_equal(filled[labels > 0], labels[labels > 0])
        assert filled[labels == 0].min() > 7 and len(np.unique(filled[labels == 0])) >= 2


def test_thick_slices_average_along_one_axis_and_stay_in_place():
    ramp = np.indices((24, 24, 24)).sum(0).astype(np.float32)
    for seed in range(8):
        thick = thick_slices(np.random.default_rng(seed), ramp)
        assert thick.shape == ramp.shape
        np.testing.assert_allclose(thick[6:-6, 6:-6, 6:-6], ramp[6:-6, 6:-6, 6:-6], atol=1e-3)


def test_scanner_effects_keep_the_anatomy_where_it_is():
    labels = np.zeros((32, 32, 32), np.float32)
    labels[8:20, 10:24, 9:27] = 1
    likeness = []
    for seed in range(20):
        image = scanner_effects(np.random.default_rng(seed), labels * 500 - 100, strength=0.4)
        assert np.isfinite(image).all()
        likeness.append(abs(np.corrcoef(image.ravel(), labels.ravel())[0, 1]))
    assert np.min(likeness) > 0.5 and np.median(likeness) > 0.9
