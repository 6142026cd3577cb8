"""Voxel grids and boxes. Arrays are (k, j, i); positions in the scene are RAS millimetres.

Voxel *centres* have integer positions: voxel (0, 0, 0) reaches from -0.5 to 0.5 along each axis.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence, Tuple

import numpy as np

from .errors import GeometryError

Kji = Tuple[float, float, float]


class VolumeGeometry:
    """Where a voxel grid lies in the world: an invertible affine map from (i, j, k) to RAS millimetres.

    `ijk_to_ras` is a 4x4 matrix as MRML gives it (columns i, j, k, origin). Oblique, anisotropic, sheared and
    left-handed grids are all allowed. Immutable. Raises `GeometryError` for anything that is not such a map.
    """

    def __init__(self, ijk_to_ras: Sequence[Sequence[float]]) -> None:
        matrix = np.array(ijk_to_ras, dtype=np.float64)
        if matrix.shape != (4, 4) or not np.isfinite(matrix).all() or not np.allclose(matrix[3], (0, 0, 0, 1)):
            raise GeometryError(
                f"The volume's IJK-to-RAS matrix must be a finite affine 4x4 matrix, not {np.array2string(matrix)}; "
                "reload the volume or harden its transform."
            )
        lengths = np.linalg.norm(matrix[:3, :3], axis=0)
        if (lengths <= 0).any() or abs(np.linalg.det(matrix[:3, :3] / np.where(lengths > 0, lengths, 1))) < 1e-6:
            raise GeometryError(
                f"The volume's axes are degenerate (spacing {lengths.tolist()} mm); give it a positive spacing and "
                "three independent directions."
            )
        matrix.setflags(write=False)
        self.ijk_to_ras = matrix
        self._ras_to_ijk = np.linalg.inv(matrix)

    @classmethod
    def from_spacing(cls, spacing: Sequence[float]) -> VolumeGeometry:
        """Axis-aligned grid at the origin; `spacing` is (sk, sj, si) in millimetres."""
        values = np.asarray(spacing, dtype=np.float64)
        if values.shape != (3,) or not np.isfinite(values).all() or (values <= 0).any():
            raise GeometryError(f"Spacing must be three positive millimetres (k, j, i), not {spacing!r}.")
        return cls(np.diag([*values[::-1], 1.0]))

    @property
    def spacing(self) -> Kji:
        """Voxel size (sk, sj, si) in millimetres."""
        return tuple(float(s) for s in np.linalg.norm(self.ijk_to_ras[:3, :3], axis=0)[::-1])

    def kji_to_ras(self, positions: Sequence) -> np.ndarray:
        """(..., 3) voxel positions (k, j, i), fractional allowed -> (..., 3) RAS millimetres."""
        ijk = np.asarray(positions, dtype=np.float64)[..., ::-1]
        return ijk @ self.ijk_to_ras[:3, :3].T + self.ijk_to_ras[:3, 3]

    def ras_to_kji(self, positions: Sequence) -> np.ndarray:
        """(..., 3) RAS millimetres -> (..., 3) fractional voxel positions (k, j, i)."""
        ras = np.asarray(positions, dtype=np.float64)
        return (ras @ self._ras_to_ijk[:3, :3].T + self._ras_to_ijk[:3, 3])[..., ::-1]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, VolumeGeometry) and np.array_equal(self.ijk_to_ras, other.ijk_to_ras)

    def __hash__(self) -> int:
        return hash(self.ijk_to_ras.tobytes())

    def __repr__(self) -> str:
        return f"VolumeGeometry(ijk_to_ras={self.ijk_to_ras.tolist()})"


@dataclass(frozen=True)
class Box:
    """Half-open range of voxels, `lo` <= voxel < `hi`, each (k, j, i)."""

    lo: Tuple[int, int, int]
    hi: Tuple[int, int, int]

    @classmethod
    def of_mask(cls, mask: np.ndarray) -> Box:
        """Smallest box around the true voxels of a (k, j, i) array; empty where there are none."""
        lo, hi = [], []
        for axis in range(3):
            line = np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis)))
            if not line.size:
                return cls.empty()
            lo.append(int(line[0]))
            hi.append(int(line[-1]) + 1)
        return cls(tuple(lo), tuple(hi))

    @classmethod
    def empty(cls) -> Box:
        return cls((0, 0, 0), (0, 0, 0))

    @property
    def shape(self) -> Tuple[int, int, int]:
        return tuple(max(0, h - low) for low, h in zip(self.lo, self.hi))

    @property
    def is_empty(self) -> bool:
        return 0 in self.shape

    @property
    def slices(self) -> Tuple[slice, slice, slice]:
        """Index of this box into a (k, j, i) array."""
        return tuple(slice(low, h) for low, h in zip(self.lo, self.hi))

    def union(self, other: Box) -> Box:
        """Smallest box that holds both; an empty box adds nothing."""
        if self.is_empty or other.is_empty:
            return other if self.is_empty else self
        return Box(tuple(map(min, self.lo, other.lo)), tuple(map(max, self.hi, other.hi)))

    def intersection(self, other: Box) -> Box:
        """Common voxels of both; `Box.empty()` where there are none."""
        common = Box(tuple(map(max, self.lo, other.lo)), tuple(map(min, self.hi, other.hi)))
        return Box.empty() if common.is_empty else common

    def padded(self, margin: int) -> Box:
        """Grown by `margin` voxels on every side (not clipped)."""
        return Box(tuple(v - margin for v in self.lo), tuple(v + margin for v in self.hi))

    def shifted(self, offset: Sequence[int]) -> Box:
        """Moved by `offset` (k, j, i) voxels."""
        return Box(
            tuple(v + int(o) for v, o in zip(self.lo, offset)), tuple(v + int(o) for v, o in zip(self.hi, offset))
        )


def paste(mask: np.ndarray, box: Box, target: Box) -> np.ndarray:
    """The boolean `mask` of `box`, as an array of `target`'s shape; false where `target` reaches beyond `box`."""
    if box == target:
        return mask
    result = np.zeros(target.shape, dtype=bool)
    common = box.intersection(target)
    if not common.is_empty:
        back = tuple(-v for v in box.lo)
        there = tuple(-v for v in target.lo)
        result[common.shifted(there).slices] = mask[common.shifted(back).slices]
    return result
