"""Where a slice view cuts a mask: its outline, in the view's pixels."""

from __future__ import annotations

from itertools import product
from typing import Tuple

import numpy as np
import slicer.util
import vtk
from vtk.util.numpy_support import numpy_to_vtk

from ..geometry import Box, VolumeGeometry

_INSIDE = 255


def slice_outline(
    box: Box, mask: np.ndarray, geometry: VolumeGeometry, xy_to_ras: np.ndarray, size: Tuple[int, int]
) -> vtk.vtkPolyData:
    """Lines around the part of a mask that a slice view of `size` (width, height) pixels shows.

    `mask` is bool (k, j, i) inside `box` of a volume with `geometry` in the world, false elsewhere. `xy_to_ras` is the
    view's 4x4 matrix from pixels to world millimetres. The points lie at (x, y, 0) pixels, y upwards.
    """
    if box.is_empty or not mask.any():
        return vtk.vtkPolyData()
    lo = np.asarray(box.lo) - 1  # a rim of zeros closes outlines at the border of the box
    to_ijk = np.linalg.inv(geometry.ijk_to_ras) @ xy_to_ras
    region = _pixels_of(lo, np.asarray(box.hi), np.linalg.inv(to_ijk), size)
    if region is None:
        return vtk.vtkPolyData()
    cut = vtk.vtkImageReslice()
    cut.SetInputData(_image(np.pad(mask, 1), lo))
    cut.SetResliceAxes(slicer.util.vtkMatrixFromArray(to_ijk))
    cut.SetInterpolationModeToLinear()
    cut.SetOutputDimensionality(2)
    cut.SetOutputOrigin(0, 0, 0)
    cut.SetOutputSpacing(1, 1, 1)
    cut.SetOutputExtent(*region, 0, 0)
    lines = vtk.vtkFlyingEdges2D()
    lines.SetInputConnection(cut.GetOutputPort())
    lines.SetValue(0, _INSIDE / 2)
    lines.Update()
    return lines.GetOutput()


def _pixels_of(lo: np.ndarray, hi: np.ndarray, to_xy: np.ndarray, size: Tuple[int, int]):
    """(x0, x1, y0, y1) that frame a box of voxels in the view; None where the slice misses it."""
    corners = np.array([[i, j, k, 1] for k, j, i in product(*zip(lo, hi))], float) @ to_xy.T
    if corners[:, 2].min() > 0 or corners[:, 2].max() < 0:
        return None
    x0, y0 = np.maximum(np.floor(corners[:, :2].min(0)).astype(int), 0)
    x1, y1 = np.minimum(np.ceil(corners[:, :2].max(0)).astype(int), np.subtract(size, 1))
    return (int(x0), int(x1), int(y0), int(y1)) if x0 < x1 and y0 < y1 else None


def _image(mask: np.ndarray, lo: np.ndarray) -> vtk.vtkImageData:
    image = vtk.vtkImageData()
    image.SetDimensions(mask.shape[::-1])
    image.SetOrigin(*map(float, lo[::-1]))
    scalars = numpy_to_vtk((mask.ravel() * _INSIDE).astype(np.uint8), deep=1)
    image.GetPointData().SetScalars(scalars)
    return image
