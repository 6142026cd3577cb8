"""Clicks as text on the command line -> voxel positions."""

from __future__ import annotations

from enum import Enum
from typing import Sequence, Tuple

import numpy as np

from ..errors import InvalidPromptError
from ..geometry import VolumeGeometry

Triple = Tuple[float, float, float]


class Space(str, Enum):
    """How three numbers are meant: millimetres in RAS (Slicer) or LPS (DICOM, ITK), or voxel indices (i, j, k)."""

    ras = "ras"
    lps = "lps"
    ijk = "ijk"


def parse_point(text: str) -> Triple:
    """Three finite numbers from "x,y,z". Raises `InvalidPromptError` for anything else."""
    try:
        values = tuple(float(part) for part in text.split(","))
    except ValueError:
        values = ()
    if len(values) != 3 or not np.isfinite(values).all():
        raise InvalidPromptError(f"A click is three numbers such as 12.5,-30,48, not {text!r}.")
    return values


def convert_points(points: Sequence[Sequence[float]], space: Space, geometry: VolumeGeometry) -> np.ndarray:
    """(n, 3) points in `space` -> (n, 3) fractional voxel positions (k, j, i)."""
    values = np.asarray(points, dtype=np.float64).reshape(-1, 3)
    if Space(space) is Space.ijk:
        return values[:, ::-1]
    return geometry.ras_to_kji(values * ((-1, -1, 1) if Space(space) is Space.lps else 1))


def check_inside(positions: np.ndarray, texts: Sequence[str], space: Space, shape: Sequence[int]) -> None:
    """Raises `InvalidPromptError` for the first of (n, 3) positions (k, j, i) outside a volume of that shape."""
    for position, text in zip(positions, texts):
        if (position < -0.5).any() or (position > np.array(shape) - 0.5).any():
            i, j, k = (round(float(v), 1) for v in position[::-1])
            raise InvalidPromptError(
                f"The click {text} ({Space(space).value}) is voxel i={i}, j={j}, k={k}, outside the volume of "
                f"{' x '.join(str(n) for n in shape[::-1])} voxels (i, j, k); check the position and --space."
            )
