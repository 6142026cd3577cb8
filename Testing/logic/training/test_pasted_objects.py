import numpy as np
import pytest

from Fast3DSAM.Logic.training.cases import Crop
from Fast3DSAM.Logic.training.pasted_objects import with_pasted_objects

SIZE = 32


@pytest.fixture
def crop() -> Crop:
    rng = np.random.default_rng(5)
    labels = np.zeros((SIZE, SIZE, SIZE), np.int64)
    labels[:, :16] = 4
    inside = np.ones(labels.shape, bool)
    inside[:6] = False
    return Crop(labels, rng.normal(100, 10, labels.shape).astype(np.float32), inside, framed=4)


@pytest.mark.parametrize("seed", range(8))
def test_new_objects_have_labels_of_their_own_and_stand_out(crop, seed):
    found = with_pasted_objects(np.random.default_rng(seed), crop)
    new = [v for v in np.unique(found.labels) if v > 4]
    assert 1 <= len(new) <= 2 and found.framed == new[-1]
    for value in new:
        mask = found.labels == value
        assert mask.sum() <= 0.15 * SIZE**3 and crop.inside[mask].all()
    changed = np.abs(found.image - crop.image) > 1e-3
    assert changed[found.labels > 4].all()
    far = ~(np.abs(found.image - crop.image) > 0) & (found.labels == crop.labels)
    assert far.mean() > 0.3  # the rest of the image is as it was


def test_the_crop_that_was_given_is_not_changed(crop):
    before = crop.image.copy(), crop.labels.copy()
    with_pasted_objects(np.random.default_rng(1), crop)
    np.testing.assert_array_equal(crop.image, before[0])
    np.testing.assert_array_equal(crop.labels, before[1])


def test_a_crop_beyond_the_volume_stays_as_it_is(crop):
    empty = crop._replace(inside=np.zeros_like(crop.inside))
    found = with_pasted_objects(np.random.default_rng(0), empty)
    np.testing.assert_array_equal(found.labels, empty.labels)
    assert found.framed == empty.framed
