"""A small CT series as a scanner writes it: one file a slice."""

from __future__ import annotations

from pathlib import Path
from typing import List

import numpy as np
import SimpleITK as sitk


def write_series(folder: Path, voxels: np.ndarray, spacing=(2.5, 0.8, 0.7)) -> List[Path]:
    """Writes voxels (k, j, i) of `spacing` millimetres to IM0.dcm, IM1.dcm and so on; the files."""
    image = sitk.GetImageFromArray(voxels.astype(np.int16))
    image.SetSpacing(tuple(reversed(spacing)))
    files = []
    for index in range(len(voxels)):
        piece = image[:, :, index]
        for tag, value in (
            ("0008|0060", "CT"),
            ("0020|000e", "1.2.3.4"),
            ("0020|0032", f"0\\0\\{spacing[0] * index}"),
            ("0020|0037", "1\\0\\0\\0\\1\\0"),
            ("0020|0013", str(index + 1)),
        ):
            piece.SetMetaData(tag, value)
        writer = sitk.ImageFileWriter()
        writer.KeepOriginalImageUIDOn()
        files.append(folder / f"IM{index}.dcm")
        writer.SetFileName(str(files[-1]))
        writer.Execute(piece)
    return files
