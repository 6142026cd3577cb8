"""An object too large for one tile of the next finer level, drawn there all the same: overlapping tiles, no seams."""

from __future__ import annotations

from itertools import product
from typing import List, Sequence, Tuple

import numpy as np

from .geometry import Box
from .tiling import Pyramid, Tile, resample_mask

_ABSENT = -8.0  # logit where no tile looked
_FAINTEST = 0.02  # weight at a tile's very border, where it knows least


def refining_tiles(pyramid: Pyramid, level: int, lo: Sequence[float], hi: Sequence[float]) -> List[Tile]:
    """Tiles of `level` that cover the box lo..hi (volume voxels), neighbours overlapping by half or more."""
    size = pyramid.tile_size
    margin = (size / 8) * np.asarray(pyramid.levels[level].scale)
    first = pyramid.framing(level, *_cube_at(pyramid, level, np.asarray(lo) - margin, 0.5)).origin
    last = pyramid.framing(level, *_cube_at(pyramid, level, np.asarray(hi) + margin, -0.5)).origin
    middle = pyramid.framing(level, lo, hi).origin
    edges = (np.asarray(hi, float) - np.asarray(lo, float)) / np.asarray(pyramid.levels[level].scale)
    origins = []
    for axis in range(3):
        if edges[axis] <= size - 2 * size / 8 or last[axis] <= first[axis]:
            origins.append([middle[axis]])
        else:
            count = 1 + int(np.ceil((last[axis] - first[axis]) / (size // 2)))
            origins.append([int(round(o)) for o in np.linspace(first[axis], last[axis], count)])
    return [Tile(level, origin) for origin in product(*origins)]


def _cube_at(pyramid: Pyramid, level: int, corner: np.ndarray, toward: float) -> Tuple[np.ndarray, np.ndarray]:
    """A point box whose framing tile has `corner` at its lower (0.5) or upper (-0.5) end."""
    centre = corner + toward * pyramid.tile_size * np.asarray(pyramid.levels[level].scale)
    return centre, centre


def blended_mask(pyramid: Pyramid, tiles: Sequence[Tile], logits: Sequence[np.ndarray]) -> Tuple[Box, np.ndarray]:
    """Logits of overlapping tiles of one level -> (box, bool mask) in volume voxels.

    Every tile counts most in its middle, so that no border between tiles shows. `logits` on the tiles' grids.
    """
    size = pyramid.tile_size
    lowest = np.min([t.origin for t in tiles], 0)
    shape = np.max([t.origin for t in tiles], 0) + size - lowest
    total, weight = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    ramp = np.clip(1 - np.abs((np.arange(size) + 0.5) / size * 2 - 1), _FAINTEST, None).astype(np.float32)
    window = ramp[:, None, None] * ramp[None, :, None] * ramp[None, None, :]
    for tile, values in zip(tiles, logits):
        place = tuple(slice(s, s + size) for s in np.asarray(tile.origin) - lowest)
        total[place] += window * values
        weight[place] += window
    merged = np.where(weight > 0, total / np.maximum(weight, 1e-6), _ABSENT).astype(np.float32)
    return mask_in_volume(pyramid, tiles[0].level, lowest, merged)


def mask_in_volume(pyramid: Pyramid, level: int, origin: Sequence[int], logits: np.ndarray) -> Tuple[Box, np.ndarray]:
    """Logits on a grid that begins at level voxel `origin` -> (smallest box, bool mask), in volume voxels.

    A volume voxel belongs to the mask where the linearly interpolated logit is above 0.
    """
    nothing = Box.empty(), np.zeros((0, 0, 0), bool)
    found = Box.of_mask(logits > 0)
    if found.is_empty:
        return nothing
    scale = np.asarray(pyramid.levels[level].scale)
    origin = np.asarray(origin, float)
    lo = (origin + np.asarray(found.lo) - 0.5) * scale - 0.5
    hi = (origin + np.asarray(found.hi) + 0.5) * scale - 0.5
    region = Box(tuple(int(np.ceil(v)) for v in lo), tuple(int(np.floor(v)) + 1 for v in hi))
    covered_hi = np.ceil((origin + np.asarray(logits.shape)) * scale - 0.5 - 1e-9).astype(int)
    covered_lo = np.ceil(origin * scale - 0.5 - 1e-9).astype(int)
    covered = Box(tuple(covered_lo.tolist()), tuple(covered_hi.tolist()))
    region = region.intersection(covered).intersection(Box((0, 0, 0), pyramid.shape))
    if region.is_empty:
        return nothing
    starts = (np.asarray(region.lo) + 0.5) / scale - 0.5 - origin
    mask = resample_mask(logits, starts, 1 / scale, region.shape)
    tight = Box.of_mask(mask)
    if tight.is_empty:
        return nothing
    return tight.shifted(region.lo), mask[tight.slices]
