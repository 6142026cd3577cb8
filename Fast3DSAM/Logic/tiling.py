"""The pyramid of isotropic levels and its tiles: where each network input lies in the volume. Numbers only.

Level 0 frames the whole volume in one tile; each further level halves the voxel size. A level's grid shares the
volume's axes and starts at its corner: position x in voxels of a level is ((p + 0.5) / scale - 0.5) for position p in
voxels of the volume, with `scale` volume voxels per level voxel on each axis (k, j, i).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Iterator, Sequence, Tuple

import numpy as np

from .geometry import Box

Kji = Tuple[int, int, int]
_SLAB_VOXELS = 1 << 18  # interpolated at a time: what stays in a processor's cache


@dataclass(frozen=True)
class Level:
    """One resolution: `voxel_mm` isotropic, `scale` volume voxels per level voxel, `shape` level voxels (k, j, i)."""

    index: int
    voxel_mm: float
    scale: Tuple[float, float, float]
    shape: Kji


@dataclass(frozen=True)
class Tile:
    """A cubic crop of a level: `origin` (k, j, i) is its first voxel, negative where the volume is smaller."""

    level: int
    origin: Kji


class Pyramid:
    """Levels and tiles of one volume of `shape` voxels (k, j, i) and `spacing` millimetres."""

    def __init__(self, shape: Kji, spacing: Sequence[float], tile_size: int, finest: float = 0.71) -> None:
        """`finest`: levels are added until their voxel is at most that share of the smallest spacing."""
        self.shape, self.spacing, self.tile_size = tuple(shape), np.asarray(spacing, dtype=float), tile_size
        extent = np.asarray(shape) * self.spacing
        voxel_mm = float(extent.max()) / tile_size
        levels = []
        while not levels or levels[-1].voxel_mm > finest * self.spacing.min():
            scale = voxel_mm / self.spacing
            grid = tuple(int(n) for n in np.maximum(1, np.ceil(np.asarray(shape) / scale - 1e-6)))
            levels.append(Level(len(levels), voxel_mm, tuple(scale.tolist()), grid))
            voxel_mm /= 2
        self.levels: Tuple[Level, ...] = tuple(levels)

    def to_tile(self, tile: Tile, positions: Sequence) -> np.ndarray:
        """(..., 3) positions in volume voxels -> voxels of the tile."""
        scale = np.asarray(self.levels[tile.level].scale)
        return (np.asarray(positions, dtype=float) + 0.5) / scale - 0.5 - np.asarray(tile.origin)

    def to_volume(self, tile: Tile, positions: Sequence) -> np.ndarray:
        """(..., 3) positions in voxels of the tile -> volume voxels."""
        scale = np.asarray(self.levels[tile.level].scale)
        return (np.asarray(positions, dtype=float) + np.asarray(tile.origin) + 0.5) * scale - 0.5

    def box_of(self, tile: Tile) -> Box:
        """The volume voxels whose centres the tile covers."""
        lo = np.ceil(self.to_volume(tile, [-0.5] * 3) - 1e-9)
        hi = np.ceil(self.to_volume(tile, [self.tile_size - 0.5] * 3) - 1e-9)
        whole = Box((0, 0, 0), self.shape)
        return Box(tuple(int(v) for v in lo), tuple(int(v) for v in hi)).intersection(whole)

    def framing(self, level: int, lo: Sequence[float], hi: Sequence[float]) -> Tile:
        """The tile of a level that frames the box lo..hi (volume voxels) most evenly.

        Origins lie on a lattice a quarter tile wide, so that neighbouring clicks share a cached tile, and stay inside
        the volume.
        """
        scale = np.asarray(self.levels[level].scale)
        centre = ((np.asarray(lo, float) + np.asarray(hi, float)) / 2 + 0.5) / scale
        return Tile(level, tuple(self._snap(level, axis, c - self.tile_size / 2) for axis, c in enumerate(centre)))

    def tiles(self, level: int) -> Iterator[Tile]:
        """Half-overlapping tiles that cover a level."""
        return (Tile(level, origin) for origin in product(*(self._origins(level, axis) for axis in range(3))))

    def covering(self, level: int, box: Box) -> Tuple[Tile, ...]:
        """The half-overlapping tiles of a level that touch `box` (volume voxels)."""
        return tuple(t for t in self.tiles(level) if not self.box_of(t).intersection(box).is_empty)

    def _snap(self, level: int, axis: int, origin: float) -> int:
        last = self.levels[level].shape[axis] - self.tile_size
        if last <= 0:
            return last // 2
        pitch = self.tile_size // 4
        return int(min(max(round(origin / pitch) * pitch, 0), last))

    def _origins(self, level: int, axis: int) -> list:
        last = self.levels[level].shape[axis] - self.tile_size
        if last <= 0:
            return [last // 2]
        return [*range(0, last, self.tile_size // 2), last]


def resample_grid(values: np.ndarray, starts: Sequence[float], steps: Sequence[float], shape: Kji) -> np.ndarray:
    """Linear interpolation of a (k, j, i) array at the grid starts + steps * index; edges are repeated.

    The grids of levels and volume share their axes, so it is done one axis at a time: several times faster than a
    general resampler, which matters because every click ends here.
    """
    result = np.empty(shape, np.float32)
    for slab, part in _resampled_slabs(values, starts, steps, shape):
        result[slab] = part
    return result


def resample_mask(values: np.ndarray, starts: Sequence[float], steps: Sequence[float], shape: Kji) -> np.ndarray:
    """Where `resample_grid` would be above 0, without ever holding its numbers as a whole."""
    result = np.empty(shape, bool)
    for slab, part in _resampled_slabs(values, starts, steps, shape):
        np.greater(part, 0, out=result[slab])
    return result


def _resampled_slabs(
    values: np.ndarray, starts: Sequence[float], steps: Sequence[float], shape: Kji
) -> Iterator[Tuple[slice, np.ndarray]]:
    """The slices k of a slab, and the interpolated values there.

    No matrix products: those wake the threads of numpy's BLAS, which then wait for more work so busily that the
    network's own threads, next in turn, are several times slower.
    """
    (low_k, part_k), (low_j, part_j), (low_i, part_i) = (
        _neighbours(count, start, step, wanted)
        for count, start, step, wanted in zip(values.shape, starts, steps, shape)
    )
    per_slab = max(1, _SLAB_VOXELS // max(1, shape[1] * shape[2]))
    for first in range(0, shape[0], per_slab):
        slab = slice(first, min(first + per_slab, shape[0]))
        near = slice(low_k[slab].min(), low_k[slab].max() + 2)
        planes = _between(_between(values[near], low_i, part_i, 2), low_j, part_j, 1)
        yield slab, _between(planes, low_k[slab] - near.start, part_k[slab], 0)


def _neighbours(count: int, start: float, step: float, wanted: int) -> Tuple[np.ndarray, np.ndarray]:
    """For each interpolated value the index below it, and how far it lies towards the next one."""
    at = np.clip(start + step * np.arange(wanted), 0, count - 1)
    low = at.astype(int)
    return low, (at - low).astype(np.float32)


def _between(values: np.ndarray, low: np.ndarray, part: np.ndarray, axis: int) -> np.ndarray:
    below = values.take(low, axis)
    above = values.take(np.minimum(low + 1, values.shape[axis] - 1), axis)
    above -= below
    above *= part.reshape([-1 if a == axis else 1 for a in range(3)])
    above += below
    return above
