"""Volumes, transforms and voxel-exact reading for the tests on a MRML scene."""

from __future__ import annotations

import numpy as np
import slicer
import slicer.util
from vtk.util.numpy_support import numpy_to_vtk, vtk_to_numpy

SHAPE = (18, 22, 26)


def rotation(axis, degrees: float) -> np.ndarray:
    """3x3 rotation matrix."""
    x, y, z = np.asarray(axis, dtype=float) / np.linalg.norm(axis)
    k = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    angle = np.radians(degrees)
    return np.eye(3) + np.sin(angle) * k + (1 - np.cos(angle)) * k @ k


def affine(directions=None, spacing=(1, 1, 1), origin=(0, 0, 0)) -> np.ndarray:
    """4x4 IJK-to-RAS; `spacing` along i, j, k."""
    matrix = np.eye(4)
    matrix[:3, :3] = (np.eye(3) if directions is None else directions) @ np.diag(spacing)
    matrix[:3, 3] = origin
    return matrix


GRIDS = {
    "axis-aligned": affine(),
    "anisotropic": affine(spacing=(0.7, 0.9, 3.0), origin=(-11.5, 40.25, 7.0)),
    "oblique": affine(rotation((1, 2, 3), 33.0), (0.8, 1.1, 2.5), (12.0, -30.0, 55.5)),
    "left-handed": affine(np.diag([-1, 1, 1]), (1, 1.5, 2), (3, 4, 5)),
    "oblique left-handed": affine(rotation((3, 1, 1), -21) @ np.diag([1, -1, 1]), (0.6, 1.0, 1.9), (-5, 6, -7)),
}


def add_volume(scene, matrix=None, shape=SHAPE, voxels=None, name="CT"):
    """A scalar volume node of `voxels` (k, j, i), random ones where None."""
    if voxels is None:
        voxels = np.random.default_rng(3).integers(-1000, 1000, shape).astype(np.int16)
    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
    image = slicer.vtkOrientedImageData()
    image.SetDimensions(voxels.shape[::-1])
    image.GetPointData().SetScalars(numpy_to_vtk(np.ascontiguousarray(voxels).ravel(), deep=1))
    node.SetAndObserveImageData(image)
    node.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(affine() if matrix is None else matrix))
    node.CreateDefaultDisplayNodes()
    return node


def add_transform(scene, matrix):
    """A linear transform node."""
    node = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "Move")
    node.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(np.asarray(matrix, dtype=float)))
    return node


def segment_mask(segmentation_node, segment_id, shape=SHAPE) -> np.ndarray:
    """(k, j, i) mask of a segment that lies on the volume's lattice; read independently of the code under test."""
    result = np.zeros(shape, dtype=bool)
    segment = segmentation_node.GetSegmentation().GetSegment(segment_id)
    layer = segment.GetRepresentation("Binary labelmap")
    if layer is None or layer.GetPointData().GetScalars() is None:
        return result
    i0, i1, j0, j1, k0, k1 = layer.GetExtent()
    labels = vtk_to_numpy(layer.GetPointData().GetScalars()).reshape(k1 - k0 + 1, j1 - j0 + 1, i1 - i0 + 1)
    assert min(i0, j0, k0) >= 0, "the layer begins before the volume"
    inside = labels[: shape[0] - k0, : shape[1] - j0, : shape[2] - i0] == segment.GetLabelValue()
    assert inside.sum() == (labels == segment.GetLabelValue()).sum(), "the segment reaches beyond the volume"
    result[k0 : k1 + 1, j0 : j1 + 1, i0 : i1 + 1] = inside
    return result


def paint(segmentation_node, segment_id, mask, matrix, overwrite=()) -> None:
    """What Slicer's own tools do: replace the segment by a whole-volume (k, j, i) mask on the grid `matrix`."""
    image = slicer.vtkOrientedImageData()
    image.SetDimensions(mask.shape[::-1])
    image.GetPointData().SetScalars(numpy_to_vtk(mask.astype(np.uint8).ravel(), deep=1))
    image.SetGeometryFromImageToWorldMatrix(slicer.util.vtkMatrixFromArray(matrix))
    logic = slicer.vtkSlicerSegmentationsModuleLogic
    assert logic.SetBinaryLabelmapToSegment(
        image, segmentation_node, segment_id, logic.MODE_REPLACE, image.GetExtent(), False, list(overwrite)
    )
