from __future__ import annotations

import numpy as np
import pytest

from Fast3DSAM.Logic.evaluation.click_simulation import Click, largest_component, new_rng, next_click


def empty() -> np.ndarray:
    return np.zeros((12, 12, 12), bool)


def test_the_first_click_is_the_middle_of_a_cube():
    reference = empty()
    reference[3:8, 2:7, 5:10] = True
    assert next_click(empty(), reference, new_rng()) == Click((5, 4, 7), True)


def test_a_click_on_what_is_too_much_is_background():
    prediction = empty()
    prediction[3:8, 2:7, 5:10] = True
    assert next_click(prediction, empty(), new_rng()) == Click((5, 4, 7), False)


def test_there_is_no_click_where_there_is_no_error():
    reference = empty()
    reference[4, 4, 4] = True
    assert next_click(reference, reference.copy(), new_rng()) is None


def test_the_component_with_most_voxels_is_clicked_though_another_is_thicker():
    reference = empty()
    reference[0:3, 0:3, 0:3] = True  # 27 voxels, innermost one 2 deep
    reference[9, :, :] = True  # 144 voxels, 1 deep
    assert next_click(empty(), reference, new_rng()).position[0] == 9


def test_components_hang_together_by_corners():
    mask = np.zeros((4, 4, 4), bool)
    mask[0, 0, 0] = mask[1, 1, 1] = True
    mask[3, 0, 0] = True
    component = largest_component(mask)
    assert component.sum() == 2 and component[0, 0, 0] and component[1, 1, 1]


def test_foreground_and_background_error_that_touch_are_one_component():
    reference, prediction = empty(), empty()
    reference[4:8, 4:8, 2:6] = True
    prediction[4:8, 4:8, 6:10] = True
    prediction[0, 0, 0] = True
    click = next_click(prediction, reference, new_rng())
    assert all(4 <= p < 8 for p in click.position[:2])
    assert click.positive == bool(reference[click.position])


def test_the_border_of_the_volume_counts_as_the_end_of_the_component():
    reference = np.zeros((5, 5, 9), bool)
    reference[:, :, :5] = True
    assert next_click(np.zeros_like(reference), reference, new_rng()) == Click((2, 2, 2), True)


def test_a_wrong_volume_as_a_whole_is_clicked_in_its_middle():
    reference = np.ones((5, 7, 9), bool)
    click = next_click(~reference, reference, new_rng())
    assert click.positive and click.position[0] == 2 and 2 <= click.position[1] <= 4


def test_distance_is_counted_in_voxels_and_ties_are_drawn_from_generator_42():
    reference = empty()
    reference[5, 5, 1:11] = True  # ten voxels, each 1 from its surroundings
    expected = 1 + int(np.random.default_rng(42).integers(10))
    assert next_click(empty(), reference, new_rng()).position == (5, 5, expected)


@pytest.mark.parametrize("seed", range(4))
def test_the_click_is_a_farthest_voxel_of_the_largest_component_of_the_whole_volume(seed):
    from scipy import ndimage

    rng = np.random.default_rng(seed)
    reference = ndimage.gaussian_filter(rng.normal(size=(20, 22, 24)), 2) > 0.03
    prediction = np.roll(reference, 3, axis=2)
    labels, _ = ndimage.label(reference != prediction, np.ones((3, 3, 3)))
    largest = labels == 1 + np.argmax(np.bincount(labels.ravel())[1:])
    distance = ndimage.distance_transform_edt(np.pad(largest, 6))[6:-6, 6:-6, 6:-6]
    click = next_click(prediction, reference, new_rng())
    assert distance[click.position] == distance.max()
    assert click.positive == bool(reference[click.position])
    assert click == next_click(prediction, reference, new_rng())
