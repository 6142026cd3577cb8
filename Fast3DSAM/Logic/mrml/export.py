"""Segments as a labelmap node or as a file, always on exactly the voxel grid of the reference volume."""

from __future__ import annotations

from pathlib import Path
from typing import Optional, Sequence, Union

import numpy as np
import slicer
import slicer.util
from vtk.util.numpy_support import numpy_to_vtk

from ..errors import SceneError, VolumeFileError
from ..geometry import Box
from .labelmaps import to_image
from .segmentations import SegmentationTarget
from .volumes import local_matrix, read_volume

_SEGMENTATION = ".seg.nrrd"
FILE_TYPES = (".nii.gz", ".nii", _SEGMENTATION, ".nrrd", ".mha")


def labels_of(target: SegmentationTarget, segment_ids: Sequence[str]) -> np.ndarray:
    """(k, j, i) labels on the volume's grid: n for the n-th segment; where segments overlap, the later one."""
    whole = Box((0, 0, 0), target.volume.shape)
    labels = np.zeros(whole.shape, np.uint8 if len(segment_ids) < 256 else np.uint16)
    for value, id in enumerate(segment_ids, start=1):
        labels[target.occupied([id], whole)] = value
    return labels


def export_labelmap(scene, volume_node, segmentation_node, segment_ids: Optional[Sequence[str]] = None):
    """A new labelmap volume node, coloured and named like the segments, under the transform of the volume.

    All segments where `segment_ids` is None. Raises `SceneError` where there is no segment to export.
    """
    target, ids = _checked(volume_node, segmentation_node, segment_ids)
    colours = scene.AddNewNodeByClass("vtkMRMLColorTableNode", f"{segmentation_node.GetName()} colours")
    colours.SetTypeToUser()
    colours.SetNumberOfColors(len(ids) + 1)
    colours.SetColor(0, "background", 0.0, 0.0, 0.0, 0.0)
    for value, id in enumerate(ids, start=1):
        segment = target.segment(id)
        colours.SetColor(value, segment.GetName(), *segment.GetColor(), 1.0)
    node = scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", f"{segmentation_node.GetName()} labels")
    _fill(node, target, ids)
    node.SetAndObserveTransformNodeID(volume_node.GetTransformNodeID())
    node.CreateDefaultDisplayNodes()
    node.GetDisplayNode().SetAndObserveColorNodeID(colours.GetID())
    return node


def export_file(
    path: Union[str, Path], volume_node, segmentation_node, segment_ids: Optional[Sequence[str]] = None
) -> Path:
    """Write segments to `path` (.nii.gz, .nii, .nrrd, .mha: labels 1, 2, ...; .seg.nrrd: segments with names).

    The file has the voxel grid of the volume's own file: parent transforms are left out. Raises `VolumeFileError`.
    """
    path = Path(path)
    if not path.name.endswith(FILE_TYPES):
        raise VolumeFileError(f"Segments cannot be written as '{path.name}'; use one of {', '.join(FILE_TYPES)}.")
    target, ids = _checked(volume_node, segmentation_node, segment_ids)
    if path.name.endswith(_SEGMENTATION):
        node, storage = _segmentation_copy(target, ids), slicer.vtkMRMLSegmentationStorageNode()
    else:
        node, storage = slicer.vtkMRMLLabelMapVolumeNode(), slicer.vtkMRMLVolumeArchetypeStorageNode()
        _fill(node, target, ids)
    scene = slicer.vtkMRMLScene()  # a private one: the user's scene sees none of this
    scene.AddNode(node)
    scene.AddNode(storage)
    storage.SetFileName(str(path))
    if not path.parent.is_dir() or not storage.WriteData(node) or not path.is_file():
        raise VolumeFileError(f"'{path}' cannot be written; choose a folder that exists and that you may write to.")
    return path


def _checked(volume_node, segmentation_node, segment_ids):
    target = SegmentationTarget(segmentation_node, read_volume(volume_node))
    ids = target.segment_ids if segment_ids is None else list(segment_ids)
    for id in ids:
        target.segment(id)
    if not ids:
        raise SceneError(f"The segmentation '{segmentation_node.GetName()}' has no segment to export; make one first.")
    return target, ids


def _fill(node, target: SegmentationTarget, ids: Sequence[str]) -> None:
    labels = labels_of(target, ids)
    image = slicer.vtkOrientedImageData()
    image.SetDimensions(labels.shape[::-1])
    image.GetPointData().SetScalars(numpy_to_vtk(labels.ravel(), deep=1))
    node.SetAndObserveImageData(image)
    node.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(local_matrix(target.volume.node)))


def _segmentation_copy(target: SegmentationTarget, ids: Sequence[str]):
    """The segments in the volume's own coordinates, whatever transforms they are under in the scene."""
    grid = local_matrix(target.volume.node)
    whole = Box((0, 0, 0), target.volume.shape)
    node = slicer.vtkMRMLSegmentationNode()
    node.SetName(target.node.GetName())
    segmentation = node.GetSegmentation()
    segmentation.SetSourceRepresentationName("Binary labelmap")
    geometry = slicer.vtkSegmentationConverter.SerializeImageGeometry(to_image(np.zeros(whole.shape), whole, grid))
    segmentation.SetConversionParameter("Reference image geometry", geometry)
    for id in ids:
        mask = target.occupied([id], whole)
        box = Box.of_mask(mask)
        copy = slicer.vtkSegment()
        copy.DeepCopyMetadata(target.segment(id))
        copy.SetLabelValue(1)
        image = slicer.vtkOrientedImageData() if box.is_empty else to_image(mask[box.slices], box, grid)
        copy.AddRepresentation("Binary labelmap", image)
        segmentation.AddSegment(copy, id)
    segmentation.CollapseBinaryLabelmaps(False)
    return node
