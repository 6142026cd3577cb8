"""Read an image with its label map, on the image's grid."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..geometry import VolumeGeometry
from ..volume_files import VolumeFile, read_volume

SUFFIXES = (".nii.gz", ".nii", ".seg.nrrd", ".nrrd", ".mha", ".mhd")


@dataclass(frozen=True)
class LabelledVolume:
    """An image and its label map on one grid: `voxels` float32 and `labels` int32, both (k, j, i)."""

    voxels: np.ndarray
    labels: np.ndarray
    geometry: VolumeGeometry


def stem(path: Path) -> str:
    """File name without its (possibly double) suffix; `path.name` itself where the suffix is not one of `SUFFIXES`."""
    for suffix in SUFFIXES:
        if path.name.lower().endswith(suffix):
            return path.name[: -len(suffix)]
    return path.name


def is_volume_file(path: Path) -> bool:
    return path.is_file() and not path.name.startswith(".") and path.name.lower().endswith(SUFFIXES)


def read_pair(image_path: Path, label_path: Path) -> LabelledVolume:
    """Image and label map; a label map on another grid is brought onto the image's by nearest neighbour.

    Raises `VolumeFileError` for files that cannot be read, `InvalidVolumeError` for anything but one 3D scalar channel.
    """
    image, label = read_volume(image_path), read_volume(label_path)
    labels = label.voxels if _same_grid(image, label) else _resampled(label, image)
    return LabelledVolume(image.voxels.astype(np.float32), np.rint(labels).astype(np.int32), image.geometry)


def _same_grid(image: VolumeFile, label: VolumeFile) -> bool:
    """Files round their geometry (NIfTI to float32); a thousandth of a voxel is no difference."""
    difference = np.abs(image.geometry.ijk_to_ras - label.geometry.ijk_to_ras).max()
    return image.voxels.shape == label.voxels.shape and difference <= 1e-3 * min(image.geometry.spacing)


def _resampled(label: VolumeFile, image: VolumeFile) -> np.ndarray:
    import SimpleITK as sitk

    return sitk.GetArrayFromImage(
        sitk.Resample(_itk(label), _itk(image), sitk.Transform(), sitk.sitkNearestNeighbor, 0.0, sitk.sitkFloat64)
    )


def _itk(volume: VolumeFile):
    import SimpleITK as sitk

    image = sitk.GetImageFromArray(volume.voxels)
    image.SetOrigin(volume.grid.origin)
    image.SetSpacing(volume.grid.spacing)
    image.SetDirection(volume.grid.direction)
    return image
