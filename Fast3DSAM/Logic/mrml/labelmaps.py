"""Between boolean arrays on a volume's grid and Slicer's labelmap layers, sub-extent by sub-extent.

A *layer* is a `vtkOrientedImageData` that one or several segments share, each with its label value. `grid` is the 4x4
matrix from the volume's (i, j, k) to the coordinates of the segmentation node. Arrays are (k, j, i).
"""

from __future__ import annotations

import zlib
from typing import Optional, Tuple

import numpy as np
import slicer.util
import vtk
from vtk.util.numpy_support import numpy_to_vtk, vtk_to_numpy

from ..geometry import Box

_ALIGNED = 1e-2  # voxels; nearest-neighbour resampling would give the same result


def to_image(mask: np.ndarray, box: Box, grid: np.ndarray, value: int = 1):
    """The boolean `mask` of `box` as an oriented image whose extent is just that box; `value` where it is true."""
    image = empty_image(box, grid)
    voxels = np.where(mask, value, 0).astype(np.uint8 if value < 256 else np.int16)
    image.GetPointData().SetScalars(numpy_to_vtk(np.ascontiguousarray(voxels).ravel(), deep=1))
    return image


def empty_image(box: Box, grid: np.ndarray):
    """An oriented image of `box` without voxel values."""
    image = slicer.vtkOrientedImageData()
    image.SetExtent([v for low, high in zip(box.lo[::-1], box.hi[::-1]) for v in (low, high - 1)])
    image.SetGeometryFromImageToWorldMatrix(slicer.util.vtkMatrixFromArray(grid))
    return image


def extent_box(layer) -> Box:
    """Extent of a layer in its own voxels; empty where it has none."""
    if layer is None or layer.GetPointData().GetScalars() is None:
        return Box.empty()
    extent = layer.GetExtent()
    return Box(tuple(extent[4::-2]), tuple(v + 1 for v in extent[5::-2]))


def grid_offset(layer, grid: np.ndarray) -> Optional[Tuple[int, int, int]]:
    """What to add to a volume voxel (k, j, i) to get the layer's voxel; None where the two lattices differ."""
    matrix = vtk.vtkMatrix4x4()
    layer.GetImageToWorldMatrix(matrix)
    between = np.linalg.inv(slicer.util.arrayFromVTKMatrix(matrix)) @ grid
    offset = np.round(between[:3, 3])
    reach = 1 + max(map(abs, (*layer.GetExtent(), *offset)))
    drift = np.abs(between[:3, :3] - np.eye(3)).max() * reach + np.abs(between[:3, 3] - offset).max()
    return tuple(int(v) for v in offset[::-1]) if drift < _ALIGNED else None


def labels_in_box(layer, box: Box, grid: np.ndarray) -> Tuple[Box, np.ndarray]:
    """The part of `box` (voxels of the volume) that the layer reaches, and its label values there.

    A view of the layer where the lattices agree, so it costs nothing; otherwise resampled, at the price of the box.
    """
    extent = extent_box(layer)
    offset = None if extent.is_empty else grid_offset(layer, grid)
    if offset is not None:
        common = box.shifted(offset).intersection(extent)
        if common.is_empty:
            return Box.empty(), np.zeros((0, 0, 0), np.uint8)
        in_layer = common.shifted([-v for v in extent.lo])
        return common.shifted([-v for v in offset]), _voxels(layer)[in_layer.slices]
    if extent.is_empty or box.is_empty:
        return Box.empty(), np.zeros((0, 0, 0), np.uint8)
    resampled = slicer.vtkOrientedImageData()
    slicer.vtkOrientedImageDataResample.ResampleOrientedImageToReferenceOrientedImage(
        layer, empty_image(box, grid), resampled
    )
    return box, _voxels(resampled)


def label_box(layer, value: int, grid: np.ndarray) -> Box:
    """Smallest box of volume voxels around a label of the layer; it may reach beyond the volume."""
    extent = extent_box(layer)
    if extent.is_empty:
        return extent
    mask = _voxels(layer) == value
    tight = Box.of_mask(mask)
    if tight.is_empty:
        return tight
    offset = grid_offset(layer, grid)
    if offset is not None:
        return tight.shifted(extent.lo).shifted([-v for v in offset])
    matrix = vtk.vtkMatrix4x4()
    layer.GetImageToWorldMatrix(matrix)
    to_grid = np.linalg.inv(grid) @ slicer.util.arrayFromVTKMatrix(matrix)
    ijk = (np.argwhere(mask) + extent.lo)[:, ::-1] @ to_grid[:3, :3].T + to_grid[:3, 3]
    low, high = np.round(ijk.min(axis=0)).astype(int), np.round(ijk.max(axis=0)).astype(int)
    return Box(tuple(map(int, low[::-1])), tuple(int(v) + 1 for v in high[::-1]))


def fingerprint(box: Box, mask: np.ndarray) -> str:
    """A short text that tells this mask from another one, wherever `box` lies around its true voxels."""
    tight = Box.of_mask(mask)
    if tight.is_empty:
        return "empty"
    checksum = zlib.crc32(np.packbits(mask[tight.slices]).tobytes())
    placed = tight.shifted(box.lo)
    return f"{placed.lo} {placed.hi} {checksum:08x}"


def _voxels(layer) -> np.ndarray:
    return vtk_to_numpy(layer.GetPointData().GetScalars()).reshape(layer.GetDimensions()[::-1])
