"""A volume of the scene as voxels and geometry. Arrays are (k, j, i); positions in the scene are RAS millimetres."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Tuple

import numpy as np
import slicer.util
import vtk
from vtk.util.numpy_support import vtk_to_numpy

from ..errors import GeometryError, InvalidVolumeError, SceneError
from ..geometry import VolumeGeometry


@dataclass(frozen=True)
class VolumeInput:
    """What is needed to embed a volume away from the main thread, and to attach to it afterwards.

    `voxels` is a read-only (k, j, i) view of the node's own memory, nothing is copied; `geometry` maps its voxels to
    the world, parent transforms included. `stamp` tells whether the voxels were changed since.
    """

    node: object = field(repr=False)
    voxels: np.ndarray = field(repr=False)
    geometry: VolumeGeometry
    stamp: Tuple[str, int] = field(repr=False)

    @property
    def name(self) -> str:
        return self.node.GetName() or "volume"

    @property
    def shape(self) -> Tuple[int, int, int]:
        return self.voxels.shape

    @property
    def is_current(self) -> bool:
        """False once the node got other voxels than those that were read."""
        return _stamp(self.node) == self.stamp


def read_volume(node) -> VolumeInput:
    """Voxels and world geometry of a scalar volume node, in place.

    Raises `InvalidVolumeError` for anything that is not one 3D scalar image (colour, 4D, empty) and `GeometryError`
    for a volume under a non-linear transform.
    """
    if node is None or not hasattr(node, "IsA") or not node.IsA("vtkMRMLVolumeNode"):
        raise InvalidVolumeError(f"{_name(node)} is not a volume; choose a scalar volume.")
    image = node.GetImageData()
    scalars = image.GetPointData().GetScalars() if image is not None else None
    if scalars is None or 0 in image.GetDimensions():
        raise InvalidVolumeError(f"The volume {_name(node)} has no voxels; load its image or choose another volume.")
    if not node.IsA("vtkMRMLScalarVolumeNode"):
        raise InvalidVolumeError(
            f"The volume {_name(node)} is a {node.GetClassName()[len('vtkMRML') :]}, not a scalar volume; choose or "
            "extract a 3D scalar volume."
        )
    if scalars.GetNumberOfComponents() != 1:
        raise InvalidVolumeError(
            f"The volume {_name(node)} has {scalars.GetNumberOfComponents()} values per voxel (colour or 4D); extract "
            "one 3D scalar volume and choose that."
        )
    voxels = vtk_to_numpy(scalars).reshape(image.GetDimensions()[::-1])
    voxels.setflags(write=False)
    return VolumeInput(node, voxels, world_geometry(node), _stamp(node))


def world_geometry(node) -> VolumeGeometry:
    """Map from the voxels of a volume node to the world, all parent transforms folded in.

    Raises `GeometryError` under a non-linear transform, or where the matrix cannot be inverted.
    """
    return VolumeGeometry(to_world(node) @ local_matrix(node))


def local_matrix(node) -> np.ndarray:
    """4x4 matrix from the (i, j, k) of a volume's array to the node's own coordinates, parent transforms left out."""
    matrix = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    result = slicer.util.arrayFromVTKMatrix(matrix)
    result[:3, 3] += result[:3, :3] @ np.array(node.GetImageData().GetExtent()[::2])
    return result


def to_world(node) -> np.ndarray:
    """4x4 matrix from the coordinates of a transformable node to the world. Raises `GeometryError` if non-linear."""
    parent = node.GetParentTransformNode()
    if parent is None:
        return np.eye(4)
    matrix = vtk.vtkMatrix4x4()
    if not parent.IsTransformToWorldLinear() or not parent.GetMatrixTransformToWorld(matrix):
        raise GeometryError(
            f"{_name(node)} is under the non-linear transform {_name(parent)}; harden the transform on it "
            "(Transforms module) and choose it again."
        )
    return slicer.util.arrayFromVTKMatrix(matrix)


def require_in_scene(node, scene, what: str):
    """`node`, if it is in `scene`. Raises `SceneError` where it is missing or was deleted."""
    if node is None or scene is None or scene.IsNodePresent(node) == 0:
        raise SceneError(f"The {what} {_name(node)} is not in the scene any more; choose another {what}.")
    return node


def _stamp(node) -> Tuple[str, int]:
    image = node.GetImageData()
    scalars = image.GetPointData().GetScalars() if image is not None else None
    return (scalars.GetAddressAsString(""), scalars.GetMTime()) if scalars is not None else ("", 0)


def _name(node) -> str:
    name = node.GetName() if hasattr(node, "GetName") else None
    return f"'{name}'" if name else repr(node)
