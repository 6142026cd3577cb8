"""A lasso becomes places well inside it."""

import numpy as np
import pytest

from Fast3DSAM.Logic.errors import InvalidPromptError
from Fast3DSAM.Logic.lasso import places_inside

TILTED = np.linalg.qr(np.array([[1.0, 2, 0], [0.5, 1, 3], [2, 0, 1]]))[0]


def curve_of(points) -> np.ndarray:
    """A plane curve, tilted and moved in space."""
    return np.c_[np.asarray(points, float), np.zeros(len(points))] @ TILTED + (10, -20, 30)


def back(places) -> np.ndarray:
    return (places - (10, -20, 30)) @ TILTED.T


def test_places_lie_in_the_plane_and_well_inside_a_circle():
    angles = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    places = back(places_inside(curve_of(10 * np.c_[np.cos(angles), np.sin(angles)])))
    assert 3 <= len(places) <= 6
    assert np.abs(places[:, 2]).max() < 1e-9
    assert np.linalg.norm(places[:, :2], axis=1).max() < 7


def test_the_hollow_of_a_c_is_outside():
    c = [(0, 0), (10, 0), (10, 2), (3, 2), (3, 8), (10, 8), (10, 10), (0, 10)]
    places = back(places_inside(curve_of(c)))
    hollow = (places[:, 0] > 3) & (places[:, 1] > 2) & (places[:, 1] < 8)
    assert not hollow.any() and len(places) >= 3


@pytest.mark.parametrize("points", [[(0, 0), (1, 0)], [(0, 0), (0, 0), (0, 0)], [(0, 0), (1, 1), (2, 2)]])
def test_a_lasso_that_encloses_nothing_is_refused(points):
    with pytest.raises(InvalidPromptError, match="lasso"):
        places_inside(curve_of(points))
