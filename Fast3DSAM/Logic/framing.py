"""Which tile a prompt is decoded on: the level follows the object. Pure geometry, so that it is reproducible."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import List, Optional, Sequence, Tuple

import numpy as np

from .geometry import Box
from .prediction import TilePrediction
from .tiling import Pyramid, Tile


@dataclass(frozen=True)
class FramingPolicy:
    """The numbers of the choice, in shares of a tile's edge unless said otherwise.

    `largest`: an object's box may fill that much before a coarser level is taken; `smallest`: below it, a finer one;
    `rim`: a mask this near to the tile's border is taken as cut off; `cut_penalty` and `tiny_penalty` are taken off the
    estimated IoU when levels compete for the first click; `tiny` in voxels of the tile;
    `finer_bonus` is added per level, since a finer mask that is as good has the sharper border;
    `agreement` is how much Dice with a neighbour level's mask counts beside the estimated IoU;
    `second_share`: that much of the first answer are the logits of the neighbour level that agrees best with it, if by
    more Dice than `alike`;
    `refine_above`: a mask is drawn anew on the next finer level while its voxels are larger than that many
    of the volume's smallest; `refine_from`: so is one whose box fills more than that, since the width of a long, thin
    object may be a voxel or two there; but only if `refine_tiles` tiles are enough, for a click is to stay cheap.
    """

    largest: float = 0.75
    smallest: float = 0.3
    rim: float = 1 / 32
    cut_penalty: float = 0.25
    tiny: int = 48
    tiny_penalty: float = 0.2
    finer_bonus: float = 0.0
    agreement: float = 1.0
    second_share: float = 0.3
    alike: float = 0.3
    refine_above: float = 3.0
    refine_from: float = 0.3
    refine_tiles: int = 2


DEFAULT_POLICY = FramingPolicy()


@dataclass(frozen=True)
class ObjectExtent:
    """Box of a mask on its tile, in volume voxels `lo`..`hi` (fractional), and whether the tile cut it."""

    lo: Tuple[float, float, float]
    hi: Tuple[float, float, float]
    voxels: int
    is_cut: bool


class Framer:
    """Chooses tiles of a pyramid by a `FramingPolicy`."""

    def __init__(self, pyramid: Pyramid, policy: FramingPolicy = DEFAULT_POLICY) -> None:
        self._pyramid, self.policy = pyramid, policy

    def extent(self, tile: Tile, logits: np.ndarray) -> Optional[ObjectExtent]:
        """What a mask covers; None if it is empty. `logits` on the tile's grid."""
        found = logits > 0
        box = Box.of_mask(found)
        if box.is_empty:
            return None
        lo = self._pyramid.to_volume(tile, [v - 0.5 for v in box.lo])
        hi = self._pyramid.to_volume(tile, [v - 0.5 for v in box.hi])
        return ObjectExtent(tuple(lo), tuple(hi), int(found.sum()), self._is_cut(tile, box, logits.shape))

    def candidates(self, position: Sequence[float]) -> List[Tile]:
        """One tile per level around a first click, coarse to fine."""
        return [self._pyramid.framing(level.index, position, position) for level in self._pyramid.levels]

    def score(self, tile: Tile, prediction: TilePrediction, agreement: float = 0.0) -> float:
        """How much an answer on this level is to be trusted; `agreement`: its Dice with a neighbour level's."""
        extent = self.extent(tile, prediction.logits)
        if extent is None:
            return -1.0
        policy = self.policy
        score = prediction.iou + policy.agreement * agreement + policy.finer_bonus * tile.level
        if extent.is_cut:
            score -= policy.cut_penalty
        if extent.voxels < policy.tiny:
            score -= policy.tiny_penalty
        return score

    def tile_for(self, lo: Sequence[float], hi: Sequence[float]) -> Tile:
        """The finest tile that frames the box lo..hi (volume voxels) with room around it."""
        lo, hi = np.asarray(lo, float), np.asarray(hi, float)
        best = self._pyramid.framing(0, lo, hi)
        for level in self._pyramid.levels[1:]:
            edges = (hi - lo) / np.asarray(level.scale)
            if edges.max() > self.policy.largest * self._pyramid.tile_size:
                break
            best = self._pyramid.framing(level.index, lo, hi)
        return best

    def next_tile(self, current: Tile, lo: Sequence[float], hi: Sequence[float]) -> Tile:
        """`current` while the box lo..hi sits well in it, else the tile that frames it best."""
        scale = np.asarray(self._pyramid.levels[current.level].scale)
        edge = float(((np.asarray(hi) - np.asarray(lo)) / scale).max()) / self._pyramid.tile_size
        is_finest = current.level == len(self._pyramid.levels) - 1
        if edge <= 1 and (edge >= self.policy.smallest or is_finest) and self._holds(current, lo, hi):
            return current
        return self.tile_for(lo, hi)

    def coarser(self, tile: Tile, lo: Sequence[float], hi: Sequence[float]) -> Optional[Tile]:
        """The tile one level up around the same box; None at level 0."""
        return self._pyramid.framing(tile.level - 1, lo, hi) if tile.level else None

    def refining_budget(self, tile: Tile, extent: ObjectExtent) -> float:
        """On how many tiles of the next finer level a mask on `tile` may be drawn anew; 0: it stays as it is."""
        levels = self._pyramid.levels
        if tile.level + 1 == len(levels):
            return 0
        level = levels[tile.level]
        if level.voxel_mm > self.policy.refine_above * self._pyramid.spacing.min():
            return math.inf
        edges = (np.asarray(extent.hi) - np.asarray(extent.lo)) / np.asarray(level.scale)
        return self.policy.refine_tiles if edges.max() > self.policy.refine_from * self._pyramid.tile_size else 0

    def _holds(self, tile: Tile, lo: Sequence[float], hi: Sequence[float]) -> bool:
        size = self._pyramid.tile_size
        first, last = self._pyramid.to_tile(tile, lo), self._pyramid.to_tile(tile, hi)
        margin = self.policy.rim * size
        open_low, open_high = self._open_sides(tile)
        low_ok = (first >= margin) | ~open_low
        high_ok = (last <= size - 1 - margin) | ~open_high
        return bool(low_ok.all() and high_ok.all())

    def _is_cut(self, tile: Tile, box: Box, grid: Tuple[int, ...]) -> bool:
        rim = max(1, round(self.policy.rim * grid[0]))
        open_low, open_high = self._open_sides(tile)
        low = np.asarray(box.lo) < rim
        high = np.asarray(box.hi) > np.asarray(grid) - rim
        return bool((low & open_low).any() or (high & open_high).any())

    def _open_sides(self, tile: Tile) -> Tuple[np.ndarray, np.ndarray]:
        """On which sides (k, j, i) the volume goes on beyond the tile."""
        origin, shape = np.asarray(tile.origin), np.asarray(self._pyramid.levels[tile.level].shape)
        return origin > 0, origin + self._pyramid.tile_size < shape
