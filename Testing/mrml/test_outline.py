"""The outline of a mask in a slice view lies where the view draws the mask."""

import numpy as np
import pytest
from vtk.util.numpy_support import vtk_to_numpy

from Fast3DSAM.Logic.geometry import Box, VolumeGeometry
from Fast3DSAM.Logic.mrml.outline import slice_outline
from Testing.mrml.scene_helpers import GRIDS


def view_through(ras, mm_per_pixel=0.25, size=200) -> np.ndarray:
    """Pixels to world of an axial view with `ras` in its middle, patient right at the left."""
    matrix = np.diag([-mm_per_pixel, mm_per_pixel, 1, 1.0])
    matrix[:3, 3] = np.asarray(ras) - matrix[:3, :3] @ (size / 2, size / 2, 0)
    return matrix


@pytest.mark.parametrize("name", GRIDS)
def test_every_point_of_the_outline_lies_on_the_border_of_the_mask(name):
    geometry = VolumeGeometry(GRIDS[name])
    box = Box((4, 5, 6), (13, 15, 17))
    view = view_through(geometry.kji_to_ras((8, 10, 11)))
    lines = slice_outline(box, np.ones(box.shape, bool), geometry, view, (200, 200))
    points = vtk_to_numpy(lines.GetPoints().GetData())
    assert len(points) > 20
    inside = (points[:, :2] > 1).all(1) & (points[:, :2] < 198).all(1)  # the others are cut off by the view
    kji = geometry.ras_to_kji((np.c_[points, np.ones(len(points))] @ view.T)[inside, :3])
    beyond = np.maximum(np.asarray(box.lo) - 0.5 - kji, kji - np.asarray(box.hi) + 0.5).max(axis=1)
    assert np.abs(beyond).max() < 0.55


def test_a_slice_beside_the_mask_shows_nothing():
    geometry, box = VolumeGeometry(np.eye(4)), Box((4, 4, 4), (8, 8, 8))
    view = view_through((6, 6, 30))
    assert slice_outline(box, np.ones(box.shape, bool), geometry, view, (200, 200)).GetNumberOfCells() == 0


def test_an_empty_mask_shows_nothing():
    lines = slice_outline(
        Box.empty(), np.zeros((0, 0, 0), bool), VolumeGeometry(np.eye(4)), view_through((0, 0, 0)), (9, 9)
    )
    assert lines.GetNumberOfCells() == 0
