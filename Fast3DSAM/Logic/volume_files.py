"""Volumes from files (NIfTI, NRRD, MetaImage, a DICOM folder) and masks back to files, through SimpleITK.

SimpleITK's world is LPS millimetres; ours is RAS, so x and y change their sign here and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Tuple, Union

import numpy as np

from .errors import InvalidVolumeError, MissingDependencyError, VolumeFileError
from .geometry import VolumeGeometry

MASK_SUFFIXES = (".nii.gz", ".nii", ".nrrd", ".mha")
LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True)
class VolumeGrid:
    """The grid exactly as the file gives it (ITK's LPS convention, (i, j, k) order), to write masks on the same one."""

    origin: Tuple[float, ...]
    spacing: Tuple[float, ...]
    direction: Tuple[float, ...]

    def geometry(self) -> VolumeGeometry:
        """The same grid as an IJK-to-RAS map."""
        ijk_to_lps = np.eye(4)
        ijk_to_lps[:3, :3] = np.reshape(self.direction, (3, 3)) * self.spacing
        ijk_to_lps[:3, 3] = self.origin
        return VolumeGeometry(LPS_TO_RAS @ ijk_to_lps)


@dataclass(frozen=True)
class VolumeFile:
    """One scalar 3D volume: `voxels` (k, j, i) in the file's own type, and where they lie.

    `note` says what the reader chose where the path left a choice (one of several DICOM series), else it is empty.
    """

    path: Path
    voxels: np.ndarray
    geometry: VolumeGeometry
    grid: VolumeGrid
    note: str = ""


def read_volume(path: Union[str, Path]) -> VolumeFile:
    """The volume in a file, or the largest DICOM series in a folder.

    Raises `VolumeFileError` for what is missing or cannot be read, `InvalidVolumeError` for 2D, 4D and colour.
    """
    sitk = _simpleitk()
    path = Path(path)
    if not path.exists():
        raise VolumeFileError(f"There is no file or folder {str(path)!r}; check the path.")
    try:
        image, note = _dicom_series(sitk, path) if path.is_dir() else (_single_file(sitk, path), "")
    except RuntimeError as error:
        raise VolumeFileError(
            f"{str(path)!r} cannot be read as a volume ({_reason(error)}); "
            "give a NIfTI, NRRD or MHA file or a folder of DICOM files."
        ) from error
    voxels = sitk.GetArrayFromImage(image)
    if voxels.dtype.kind == "c":
        raise InvalidVolumeError(f"{str(path)!r} holds complex numbers; save their magnitude and open that.")
    grid = VolumeGrid(image.GetOrigin(), image.GetSpacing(), image.GetDirection())
    return VolumeFile(path, voxels, grid.geometry(), grid, note)


def write_mask(mask: np.ndarray, like: VolumeFile, path: Union[str, Path]) -> None:
    """Write a boolean (k, j, i) mask as 0/1 bytes, compressed, on exactly the grid of `like`.

    Raises `VolumeFileError` for a mask of another shape, an unknown suffix, or a file that cannot be written.
    """
    sitk = _simpleitk()
    check_mask_path(path)
    if mask.shape != like.voxels.shape:
        raise VolumeFileError(f"The mask has shape {mask.shape} but the volume {like.voxels.shape}; segment it again.")
    image = sitk.GetImageFromArray(mask.astype(np.uint8))
    image.SetOrigin(like.grid.origin)
    image.SetSpacing(like.grid.spacing)
    image.SetDirection(like.grid.direction)
    try:
        sitk.WriteImage(image, str(path), True)
    except RuntimeError as error:
        raise VolumeFileError(f"{str(path)!r} cannot be written ({_reason(error)}); choose another file.") from error


def check_mask_path(path: Union[str, Path]) -> None:
    """Raises `VolumeFileError` now for a file that `write_mask` could not write later."""
    path = Path(path)
    if not path.name.lower().endswith(MASK_SUFFIXES):
        raise VolumeFileError(f"{str(path)!r} is no format for a mask; end it in one of {', '.join(MASK_SUFFIXES)}.")
    if not path.parent.is_dir():
        raise VolumeFileError(f"The folder of {str(path)!r} does not exist; make it or choose another one.")


def _single_file(sitk: Any, path: Path) -> Any:
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    reader.ReadImageInformation()  # the header alone: what does not fit is refused before it is loaded
    size = reader.GetSize()
    if reader.GetNumberOfComponents() != 1:
        raise InvalidVolumeError(
            f"{str(path)!r} has {reader.GetNumberOfComponents()} values per voxel (colour or vectors); "
            "convert it to one scalar volume."
        )
    if len(size) == 4 and size[3] == 1:
        reader.SetExtractSize([*size[:3], 0])
    elif len(size) != 3:
        raise InvalidVolumeError(
            f"{str(path)!r} has {len(size)} dimensions ({' x '.join(map(str, size))}); save one 3D volume of it first."
        )
    return reader.Execute()


def _dicom_series(sitk: Any, folder: Path) -> Tuple[Any, str]:
    reader = sitk.ImageSeriesReader()
    series = {uid: reader.GetGDCMSeriesFileNames(str(folder), uid) for uid in reader.GetGDCMSeriesIDs(str(folder))}
    if not series:
        raise VolumeFileError(f"The folder {str(folder)!r} holds no DICOM series; give the folder with its slices.")
    uid = max(series, key=lambda key: len(series[key]))
    if len(series[uid]) == 1:
        image = _single_file(sitk, Path(series[uid][0]))
    else:
        reader.SetFileNames(series[uid])
        image = reader.Execute()
    if image.GetNumberOfComponentsPerPixel() != 1:
        raise InvalidVolumeError(f"The DICOM series in {str(folder)!r} is in colour; choose a scalar series.")
    if len(series) == 1:
        return image, ""
    return image, f"{len(series)} DICOM series here; took the largest, {len(series[uid])} files, series {uid}."


def _simpleitk() -> Any:
    try:
        import SimpleITK
    except ImportError as error:
        raise MissingDependencyError(
            "Volume files need SimpleITK, which is not installed; run `pip install SimpleITK`."
        ) from error
    return SimpleITK


def _reason(error: RuntimeError) -> str:
    """The one telling line of SimpleITK's report."""
    return str(error).strip().splitlines()[-1].replace("sitk::ERROR: ", "")
