from __future__ import annotations

import numpy as np
import pytest

from Fast3DSAM.Logic.errors import InvalidPromptError
from Fast3DSAM.Logic.released.clicks import click_maps


def by_distance(clicks) -> np.ndarray:
    """Every voxel whose squared distance to one of the clicks is at most 4, looked up in the whole grid."""
    grid = np.indices((128, 128, 128))
    near = np.zeros((128, 128, 128), bool)
    for click in clicks:
        near |= sum((axis - c) ** 2 for axis, c in zip(grid, click)) <= 4
    return near


def test_maps_hold_a_ball_around_each_click_of_their_channel():
    positive, negative = [(10, 20, 30), (11, 21, 31)], [(0, 127, 64)]
    maps = click_maps(positive, np.array(negative)).numpy()
    assert maps.shape == (1, 2, 128, 128, 128) and maps.dtype == np.float32
    assert np.array_equal(maps[0, 0] == 1, by_distance(positive))
    assert np.array_equal(maps[0, 1] == 1, by_distance(negative))
    assert set(np.unique(maps)) == {0.0, 1.0}


def test_a_click_between_voxels_marks_what_is_near_it():
    maps = click_maps([(10.5, 20.25, 30.75)], []).numpy()
    assert np.array_equal(maps[0, 0] == 1, by_distance([(10.5, 20.25, 30.75)]))


def test_no_clicks_give_empty_maps():
    assert not click_maps([], []).any()


@pytest.mark.parametrize("click", [(128, 0, 0), (-1, 5, 5), (1, 2), (1, 2, float("nan"))])
def test_a_click_outside_the_crop_is_refused(click):
    with pytest.raises(InvalidPromptError, match="128"):
        click_maps([click], [])
