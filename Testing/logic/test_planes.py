from itertools import permutations, product

import numpy as np
import pytest

from Fast3DSAM.Logic.geometry import VolumeGeometry
from Fast3DSAM.Logic.planes import planes_through

# A patient in RAS millimetres with one mark on the right, one in front and one on top.
MARKS = {"R": (12.0, 0.0, 0.0), "A": (0.0, 12.0, 0.0), "S": (0.0, 0.0, 12.0)}
SHAPE = (9, 9, 9)


def a_geometry(order, signs, spacing=(3.0, 3.0, 3.0)):
    """A volume of SHAPE centred at the RAS origin, whose i, j, k axes run along the anatomical axes `order`."""
    matrix = np.eye(4)
    matrix[:3, :3] = 0
    for column, (row, sign) in enumerate(zip(order, signs)):
        matrix[row, column] = sign * spacing[column]
    matrix[:3, 3] = -matrix[:3, :3] @ (4, 4, 4)
    return VolumeGeometry(matrix)


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("signs", list(product((1, -1), repeat=3)))
def test_right_is_left_and_front_and_top_are_up_however_the_array_runs(order, signs):
    geometry = a_geometry(order, signs)
    volume = np.zeros(SHAPE, int)
    for value, ras in enumerate(MARKS.values(), start=1):
        volume[tuple(np.rint(geometry.ras_to_kji(ras)).astype(int))] = value
    axial, coronal, sagittal = planes_through(SHAPE, geometry, (4, 4, 4))
    assert [p.name for p in (axial, coronal, sagittal)] == ["Axial", "Coronal", "Sagittal"]
    assert axial.letters == ("R", "L", "A", "P")
    assert axial.cut(volume)[4, 0] == 1 and axial.cut(volume)[0, 4] == 2
    assert coronal.letters == ("R", "L", "S", "I")
    assert coronal.cut(volume)[4, 0] == 1 and coronal.cut(volume)[0, 4] == 3
    assert sagittal.letters == ("A", "P", "S", "I")
    assert sagittal.cut(volume)[4, 0] == 2 and sagittal.cut(volume)[0, 4] == 3


@pytest.mark.parametrize("signs", [(1, 1, 1), (-1, -1, 1), (-1, 1, -1)])
def test_a_position_is_placed_on_its_own_voxel_in_millimetres(signs):
    shape, spacing = (5, 7, 9), (0.5, 2.0, 4.0)
    geometry = a_geometry((0, 1, 2), signs, spacing)
    position = (3, 1, 6)
    volume = np.zeros(shape, int)
    volume[position] = 1
    for plane in planes_through(shape, geometry, position):
        row, column = np.argwhere(plane.cut(volume))[0]
        x, y, distance = plane.place(position)
        assert (x, y, distance) == (column * plane.spacing[1], row * plane.spacing[2], 0)


def test_the_distance_of_a_position_from_a_plane_is_in_millimetres():
    axial = planes_through((5, 7, 9), a_geometry((0, 1, 2), (1, 1, 1), (0.5, 2.0, 4.0)), (1, 3, 3))[0]
    assert axial.place((3.5, 3, 3))[2] == pytest.approx(10.0)


def test_a_position_outside_the_volume_gives_the_nearest_planes():
    indices = [plane.index for plane in planes_through((5, 7, 9), VolumeGeometry(np.eye(4)), (99, -4, 2))]
    assert indices == [4, 0, 2]


def test_oblique_planes_take_the_name_of_the_nearest_anatomical_one():
    angle = np.deg2rad(30)
    matrix = np.eye(4)
    matrix[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    axial, coronal, sagittal = planes_through((5, 7, 9), VolumeGeometry(matrix), (2, 3, 4))
    assert (axial.axes[0], coronal.axes[0], sagittal.axes[0]) == (0, 1, 2)
