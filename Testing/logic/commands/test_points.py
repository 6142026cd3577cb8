import numpy as np
import pytest

from Fast3DSAM.Logic.commands.points import Space, check_inside, convert_points, parse_point
from Fast3DSAM.Logic.errors import InvalidPromptError
from Fast3DSAM.Logic.geometry import VolumeGeometry

GEOMETRY = VolumeGeometry([[0, -2, 0, 10], [3, 0, 0, 20], [0, 0, 5, -30], [0, 0, 0, 1]])


def test_the_same_place_in_every_space_is_one_voxel():
    ijk = (4, 7, 2)
    ras = (10 - 2 * 7, 20 + 3 * 4, -30 + 5 * 2)
    lps = (-ras[0], -ras[1], ras[2])
    for space, point in (("ijk", ijk), ("ras", ras), ("lps", lps)):
        np.testing.assert_allclose(convert_points([point], Space(space), GEOMETRY), [(2, 7, 4)])


def test_no_points_are_no_points():
    assert convert_points([], Space.ras, GEOMETRY).shape == (0, 3)


def test_a_point_is_three_numbers():
    assert parse_point("1,-2.5, 3e1") == (1.0, -2.5, 30.0)


@pytest.mark.parametrize("text", ["", "1,2", "1,2,3,4", "a,b,c", "1;2;3", "nan,0,0", "0,inf,0"])
def test_anything_else_is_refused_and_quoted(text):
    with pytest.raises(InvalidPromptError, match="three numbers") as caught:
        parse_point(text)
    assert repr(text) in str(caught.value)


def test_the_border_of_the_volume_is_inside_and_beyond_it_is_not():
    check_inside(np.array([(-0.5, 0, 0), (9.5, 9, 9)]), ["a", "b"], Space.ras, (10, 10, 10))
    with pytest.raises(InvalidPromptError, match="7,8,99 .*i=0.0, j=0.0, k=11.0"):
        check_inside(np.array([(11, 0, 0)]), ["7,8,99"], Space.ras, (10, 10, 10))
