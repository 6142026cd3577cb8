"""Files from a browser. Nothing they say of themselves is believed: names, sizes, headers, compression."""

from __future__ import annotations

import gzip
import re
import struct
import zlib
from pathlib import Path
from typing import Dict, List, Optional, Sequence

import numpy as np

from ...Logic.errors import Fast3DSAMError, VolumeFileError

VOLUME_SUFFIXES = (".nii.gz", ".nii", ".nrrd", ".mha")
_UNSAFE = re.compile(r"[^A-Za-z0-9._ -]+")
_HEADER_BYTES = 1 << 16
_CHUNK = 1 << 20


def place_for(name: str, number: int, folder: Path) -> Path:
    """Where in `folder` the upload `number` is written; DICOM files of several folders often have the same names."""
    name = safe_name(name)
    return folder / (name if name.lower().endswith(VOLUME_SUFFIXES) else f"{number:05d} {name}")


def safe_name(name: str) -> str:
    """The last part of a file name, of plain characters only, not empty and not hidden."""
    last = re.split(r"[\\/]", name)[-1]
    return _UNSAFE.sub("_", last).strip(" .")[-100:] or "file"


def checked_upload(files: Sequence[Path], folder: Path, max_voxels: int) -> Path:
    """What to open of the uploaded `files` (all in `folder`): one volume file, or the folder if it is DICOM.

    Raises `VolumeFileError` for several volumes at once, and for a file whose header cannot be true.
    """
    volumes = [path for path in files if path.name.lower().endswith(VOLUME_SUFFIXES)]
    if len(volumes) > 1:
        names = ", ".join(path.name for path in volumes[:3])
        raise VolumeFileError(f"{len(volumes)} volumes came at once ({names}); open one at a time.")
    if volumes:
        check_volume_file(volumes[0], max_voxels)
        return volumes[0]
    if not files:
        raise VolumeFileError("No file came; choose a NIfTI, NRRD or MHA file or a folder of DICOM files.")
    check_dicom_files(files, max_voxels)
    return folder


def check_volume_file(path: Path, max_voxels: int) -> None:
    """Raises `VolumeFileError` where header and file contradict each other, reach for other files, or ask too much."""
    name = path.name.lower()
    try:
        if name.endswith(".nii.gz"):
            declared = _nifti_bytes(_start_of_gzip(path), path, max_voxels)
            if _unpacked_size(path, declared) != declared:
                raise VolumeFileError(f"'{path.name}' holds more or less than its header says; save it again.")
        elif name.endswith(".nii"):
            declared = _nifti_bytes(_start_of(path), path, max_voxels)
            if path.stat().st_size < declared:
                raise VolumeFileError(f"'{path.name}' is shorter than its header says; send or save it again.")
        else:
            fields = _text_header(path)
            local = {".nrrd": not {"data file", "datafile"} & set(fields)}.get(
                path.suffix.lower(), fields.get("elementdatafile", "").upper() == "LOCAL"
            )
            if not local:
                raise VolumeFileError(f"'{path.name}' keeps its voxels in another file; save both as one file.")
            size = fields.get("sizes" if name.endswith(".nrrd") else "dimsize", "")
            _check_size([int(v) for v in size.split()], path, max_voxels)
            _check_text_data(fields, size, path)
    except Fast3DSAMError:
        raise
    except gzip.BadGzipFile as error:
        raise VolumeFileError(
            f"'{path.name}' is no gzip file, whatever its name says; send or save it again."
        ) from error
    except (OSError, EOFError, ValueError, struct.error, zlib.error) as error:
        raise VolumeFileError(f"'{path.name}' is damaged ({error}); send or save it again.") from error


def _check_size(size: List[int], path: Path, max_voxels: int) -> None:
    if not size or min(size) < 1:
        raise VolumeFileError(f"'{path.name}' claims a size of {size}, which no volume has; save it again.")
    count = 1
    for extent in size:
        count *= extent
    if count > max_voxels:
        claimed = " x ".join(map(str, size))
        raise VolumeFileError(
            f"'{path.name}' claims {claimed} voxels, more than the {max_voxels:,} allowed here; crop or resample it."
        )


def _nifti_bytes(header: bytes, path: Path, max_voxels: int) -> int:
    """Bytes that a NIfTI-1 or NIfTI-2 file must have by its header."""
    for order in "<>":
        (length,) = struct.unpack_from(f"{order}i", header)
        if length == 348:
            dims, bits = struct.unpack_from(f"{order}8h", header, 40), struct.unpack_from(f"{order}h", header, 72)[0]
            offset = struct.unpack_from(f"{order}f", header, 108)[0]
            break
        if length == 540:
            dims, bits = struct.unpack_from(f"{order}8q", header, 16), struct.unpack_from(f"{order}h", header, 14)[0]
            offset = struct.unpack_from(f"{order}q", header, 168)[0]
            break
    else:
        raise VolumeFileError(f"'{path.name}' is no NIfTI file, whatever its name says; send or save it again.")
    if not 1 <= dims[0] <= 7 or not 8 <= bits <= 256 or not 0 <= offset < 1 << 30:
        raise VolumeFileError(f"The header of '{path.name}' cannot be true; send or save it again.")
    size = list(dims[1 : dims[0] + 1])
    _check_size(size, path, max_voxels)
    return int(offset) + int(np.prod(size, dtype=object)) * bits // 8


def _start_of(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_HEADER_BYTES)


def _start_of_gzip(path: Path) -> bytes:
    with gzip.open(path) as file:
        return file.read(600)


def _unpacked_size(path: Path, limit: int) -> int:
    """Bytes in a gzip file, counted without keeping them; no further than just beyond `limit`."""
    count = 0
    with gzip.open(path) as file:
        while count <= limit:
            piece = file.read(_CHUNK)
            if not piece:
                break
            count += len(piece)
    return count


def _text_header(path: Path) -> Dict[str, str]:
    """The fields of a NRRD or MetaImage header, names in lower case."""
    start = _start_of(path)
    if path.suffix.lower() == ".nrrd":
        if not start.startswith(b"NRRD"):
            raise VolumeFileError(f"'{path.name}' is no NRRD file, whatever its name says; send or save it again.")
        text, separator = re.split(rb"\r?\n\r?\n", start, maxsplit=1)[0], ":"
    else:
        end = re.search(rb"(?im)^\s*ElementDataFile\s*=[^\n]*\n", start)
        if end is None:
            raise VolumeFileError(f"'{path.name}' is no MHA file, whatever its name says; send or save it again.")
        text, separator = start[: end.end()], "="
    fields: Dict[str, str] = {"": str(len(text))}
    for line in text.decode("latin-1").splitlines():
        name, found, value = line.partition(separator)
        if found and not line.startswith("#"):
            fields[name.strip().lower()] = value.strip()
    return fields


def _check_text_data(fields: Dict[str, str], size: str, path: Path) -> None:
    """Uncompressed voxels must fit into the file: at least a byte each."""
    packed = fields.get("encoding", "raw").lower() not in ("raw",) or fields.get("compresseddata", "").lower() == "true"
    voxels = int(np.prod([int(v) for v in size.split()], dtype=object))
    if not packed and path.stat().st_size - int(fields[""]) < voxels:
        raise VolumeFileError(f"'{path.name}' is shorter than its header says; send or save it again.")


def check_dicom_files(files: Sequence[Path], max_voxels: int) -> None:
    """Deletes what is no DICOM image: a disc holds viewers, too.

    Raises `VolumeFileError` where nothing is left or too much.
    """
    images = 0
    count = 0
    for path in files:
        size = _dicom_size(path)
        if size is None:
            path.unlink()
            continue
        images += 1
        count += size
    if not images:
        name = files[0].name.partition(" ")[2]
        raise VolumeFileError(f"'{name}' is no volume; open a NIfTI, NRRD or MHA file or a folder of DICOM files.")
    if count > max_voxels:
        raise VolumeFileError(
            f"The DICOM files hold {count:,} voxels, more than the {max_voxels:,} allowed here; send fewer of them."
        )


def _dicom_size(path: Path) -> Optional[int]:
    """Voxels that a DICOM file claims to hold; None if it is none, or no image."""
    import SimpleITK as sitk

    if not _is_dicom(path):
        return None
    reader = sitk.ImageFileReader()
    reader.SetImageIO("GDCMImageIO")
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
    except RuntimeError:
        return None
    return int(np.prod(reader.GetSize(), dtype=object)) * reader.GetNumberOfComponents()


def _is_dicom(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(132)[128:] == b"DICM"
