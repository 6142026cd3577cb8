"""From prompts to a mask: one decode per prompt on the tile that frames the object, remembered per prompt set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Optional, Sequence, Tuple

import numpy as np

from .embedding_cache import ByteLimitedCache, EmbeddingCache
from .errors import NotEnoughMemoryError
from .framing import DEFAULT_POLICY, Framer, FramingPolicy, ObjectExtent
from .geometry import Box, paste
from .prediction import Predictor, TilePrediction, TilePrompts
from .preprocessing import TileReader
from .prompts import BoxPrompt, MaskPrompt, PointPrompt, Prompt, PromptSet, ScribblePrompt
from .refinement import blended_mask, mask_in_volume, refining_tiles
from .tiling import Tile, resample_grid

_ABSENT = -8.0  # logit where an earlier tile saw nothing of the object
_PRESENT = 8.0
_UNLIKELY = -2.0  # tiles in which the object is less likely than that everywhere are left out
_SCRIBBLE_CLICKS = 6  # a stroke counts as at most so many clicks
_ZOOM_OUTS = 2


@dataclass(frozen=True)
class MaskState:
    """The answer to a prompt set: `mask` bool inside `box` (volume voxels, false elsewhere), on which tile, how sure.

    `logits` on the tile's grid; None where the mask came from the user and not from the network.
    """

    box: Box
    mask: np.ndarray
    iou: float
    tile: Optional[Tile] = None
    logits: Optional[np.ndarray] = None

    @property
    def nbytes(self) -> int:
        return self.mask.nbytes + (self.logits.nbytes if self.logits is not None else 0) + 64


EMPTY = MaskState(Box.empty(), np.zeros((0, 0, 0), bool), 0.0)


class Segmenter:
    """Answers prompt sets for one volume. The answer depends on the volume and the prompts alone."""

    def __init__(
        self,
        predictor: Predictor,
        embeddings: EmbeddingCache,
        volume_key: str,
        reader: TileReader,
        policy: FramingPolicy = DEFAULT_POLICY,
    ) -> None:
        self._predictor, self._embeddings, self._key = predictor, embeddings, volume_key
        self._reader, self.pyramid = reader, reader.pyramid
        self._framer = Framer(self.pyramid, policy)
        self._states = ByteLimitedCache(256 << 20)

    def state(self, prompts: PromptSet) -> MaskState:
        """The mask of `prompts`: each prompt refines the mask of those before it. Raises `NotEnoughMemoryError`."""
        state, known = EMPTY, 0
        for count in range(len(prompts), 0, -1):
            found = self._states.get(prompts.prompts[:count])
            if found is not None:
                state, known = found, count
                break
        for count in range(known + 1, len(prompts) + 1):
            prefix = prompts.prompts[:count]
            try:
                state = self._refined(state, prefix)
            except MemoryError as error:
                if isinstance(error, NotEnoughMemoryError):
                    raise
                shape = " x ".join(map(str, self.pyramid.shape))
                raise NotEnoughMemoryError(
                    f"There is not enough memory for a mask in {shape} voxels; close other programs or crop the volume."
                ) from error
            self._states.put(prefix, state)
        return state

    def knows(self, prompts: PromptSet) -> bool:
        """Whether `state` costs nothing: the answer is remembered or needs no network."""
        steps = prompts.prompts
        return not steps or isinstance(steps[-1], MaskPrompt) or steps in self._states

    def embed(self, tile: Tile) -> object:
        """The tile's embedding, from the cache or computed."""
        return self._embeddings.get(self._key, tile, lambda: self._predictor.embed(*self._reader.read(tile)))

    def embed_next(self, position: Sequence[float]) -> bool:
        """Embeds one of the tiles that a first click at `position` will ask for; False where all are there."""
        for tile in self._framer.candidates(position):
            if (self._key, tile) not in self._embeddings:
                self.embed(tile)
                return True
        return False

    def least_certain(self, state: MaskState, prompts: PromptSet) -> Optional[Tuple[float, float, float]]:
        """The volume position amid the largest doubt, away from the clicks; None without a network's answer."""
        if state.logits is None:
            return None
        inside = 1 / (1 + np.exp(-np.clip(state.logits, -30, 30)))
        doubt = inside * (1 - inside)
        for axis in range(3):  # a doubtful region counts more than a doubtful border voxel
            padded = np.pad(doubt, [(2, 2) if a == axis else (0, 0) for a in range(3)])
            doubt = sum(np.roll(padded, -s, axis) for s in range(5)).take(range(doubt.shape[axis]), axis)
        points, _ = _clicks(prompts.prompts)
        grid = np.indices(doubt.shape).reshape(3, -1).T
        for place in self.pyramid.to_tile(state.tile, points) if len(points) else ():
            near = np.square(grid - place).sum(1) < 36
            doubt.ravel()[near] = 0
        at = self.pyramid.to_volume(state.tile, np.unravel_index(doubt.argmax(), doubt.shape))
        return tuple(float(v) for v in np.clip(at, 0, np.asarray(self.pyramid.shape) - 1))

    def _refined(self, before: MaskState, prompts: Tuple[Prompt, ...]) -> MaskState:
        newest = prompts[-1]
        if isinstance(newest, MaskPrompt):
            return MaskState(newest.box, newest.array(), 1.0)
        points, _ = _clicks(prompts)
        box = next((p for p in prompts if isinstance(p, BoxPrompt)), None)
        if box is not None:
            return self._decoded(before, prompts, self._framer.tile_for(box.lo, box.hi))
        extent = self._extent_of(before)
        if extent is None:
            if isinstance(newest, PointPrompt) and len(points) == 1:
                return self._first_click(prompts)
            return self._decoded(before, prompts, self._framer.tile_for(points.min(0), points.max(0)))
        recent, _ = _clicks(prompts[-1:])
        lo, hi = np.minimum(extent.lo, recent.min(0)), np.maximum(extent.hi, recent.max(0))
        tile = before.tile if before.tile is not None else self._framer.tile_for(lo, hi)
        return self._decoded(before, prompts, self._framer.next_tile(tile, lo, hi))

    def _first_click(self, prompts: Tuple[Prompt, ...]) -> MaskState:
        """The answer of the level that is surest of itself and that its neighbour levels agree with best."""
        tiles = self._framer.candidates(_clicks(prompts)[0][0])
        answers = [self._decode(tile, self._prompts_on(tile, prompts, EMPTY)) for tile in tiles]
        agreement = [0.0, *(self._agreement(*pair) for pair in zip(tiles, answers, tiles[1:], answers[1:])), 0.0]
        scores = [
            self._framer.score(tile, answer, max(agreement[place : place + 2]))
            for place, (tile, answer) in enumerate(zip(tiles, answers))
        ]
        best = int(np.argmax(scores))
        other = best - 1 if agreement[best] > agreement[best + 1] else best + 1
        if max(agreement[best : best + 2]) > self._framer.policy.alike:
            answers[best] = self._seconded(tiles[best], answers[best], tiles[other], answers[other])
        return self._settled(EMPTY, prompts, tiles[best], answers[best])

    def _seconded(self, tile: Tile, answer: TilePrediction, other: Tile, second: TilePrediction) -> TilePrediction:
        """The answer with the neighbour level's mixed in, where that one looked."""
        logits = np.maximum(second.logits, _ABSENT + 1)  # what that level has seen is never taken for unseen
        seen = self._previous_on(tile, MaskState(Box.empty(), EMPTY.mask, 0.0, other, logits))
        share = np.where(seen > _ABSENT, np.float32(self._framer.policy.second_share), np.float32(0))
        return TilePrediction(answer.logits + share * (seen - answer.logits), answer.iou)

    def _agreement(self, tile: Tile, answer: TilePrediction, finer: Tile, finer_answer: TilePrediction) -> float:
        """Dice between the masks of two levels, on the coarser one's grid."""
        mask = answer.logits > 0
        other = self._previous_on(tile, MaskState(Box.empty(), EMPTY.mask, 0.0, finer, finer_answer.logits)) > 0
        return 2 * float((mask & other).sum()) / max(1, int(mask.sum()) + int(other.sum()))

    def _decoded(self, before: MaskState, prompts: Tuple[Prompt, ...], tile: Tile) -> MaskState:
        return self._settled(before, prompts, tile, self._decode(tile, self._prompts_on(tile, prompts, before)))

    def _settled(
        self, before: MaskState, prompts: Tuple[Prompt, ...], tile: Tile, prediction: TilePrediction
    ) -> MaskState:
        """Zooms out while the tile cuts the object, then brings the mask to the volume's voxels."""
        for _ in range(_ZOOM_OUTS):
            extent = self._framer.extent(tile, prediction.logits)
            wider = self._framer.coarser(tile, extent.lo, extent.hi) if extent and extent.is_cut else None
            if wider is None:
                break
            seen = MaskState(Box.empty(), EMPTY.mask, prediction.iou, tile, prediction.logits)
            answer = self._decode(wider, self._prompts_on(wider, prompts, seen))
            if self._framer.extent(wider, answer.logits) is None:
                break
            tile, prediction = wider, answer
        box, mask = self._mask_of(tile, prediction, prompts)
        box, mask = self._with_rest(before, tile, box, mask)
        return MaskState(box, mask, prediction.iou, tile, prediction.logits)

    def _decode(self, tile: Tile, prompts: TilePrompts) -> TilePrediction:
        return self._predictor.decode(self.embed(tile), [prompts])[0]

    def _prompts_on(self, tile: Tile, prompts: Sequence[Prompt], before: MaskState) -> TilePrompts:
        points, positive = _clicks(prompts)
        places = self.pyramid.to_tile(tile, points).reshape(-1, 3)
        size = self.pyramid.tile_size
        visible = ((places >= -0.5) & (places <= size - 0.5)).all(1)
        corners = next((np.array([p.lo, p.hi]) for p in prompts if isinstance(p, BoxPrompt)), None)
        box = None if corners is None else self.pyramid.to_tile(tile, corners)
        return TilePrompts(places[visible], positive[visible], box, self._previous_on(tile, before))

    def _previous_on(self, tile: Tile, before: MaskState) -> Optional[np.ndarray]:
        """The earlier mask as logits on the tile's grid."""
        if before.tile == tile:
            return before.logits
        size = self.pyramid.tile_size
        starts = self.pyramid.to_volume(tile, [0.0] * 3)
        steps = np.asarray(self.pyramid.levels[tile.level].scale)
        if before.logits is not None:
            scale = np.asarray(self.pyramid.levels[before.tile.level].scale)
            first = self.pyramid.to_volume(before.tile, [0.0] * 3)
            padded = np.pad(before.logits, 1, constant_values=_ABSENT)
            return resample_grid(padded, (starts - first) / scale + 1, steps / scale, (size,) * 3)
        if before.box.is_empty:
            return None
        # average over the tile's voxel first, or thin parts of a fine mask would fall between the samples
        shares = np.pad(before.mask.astype(np.float32), 1)
        factors = [max(1, int(s)) for s in steps]
        for axis, factor in enumerate(factors):
            extra = -shares.shape[axis] % factor
            shares = np.pad(shares, [(0, extra) if a == axis else (0, 0) for a in range(3)])
            shares = np.stack(np.split(shares, shares.shape[axis] // factor, axis)).mean(axis + 1)
            shares = np.moveaxis(shares, 0, axis)
        first = np.asarray(before.box.lo) - 1 + (np.asarray(factors) - 1) / 2
        share = resample_grid(np.pad(shares, 1), (starts - first) / factors + 1, steps / factors, (size,) * 3)
        return _ABSENT + (_PRESENT - _ABSENT) * share

    def _mask_of(self, tile: Tile, prediction: TilePrediction, prompts: Tuple[Prompt, ...]) -> Tuple[Box, np.ndarray]:
        """The volume's voxels of an answer, drawn anew on the tiles of the next finer level where that is worth it."""
        asked = self._to_draw_anew(tile, prediction, prompts)
        if not asked:
            return mask_in_volume(self.pyramid, tile.level, tile.origin, prediction.logits)
        answers = [self._decode(*question).logits for question in asked]
        return blended_mask(self.pyramid, [finer for finer, _ in asked], answers)

    def _to_draw_anew(
        self, tile: Tile, prediction: TilePrediction, prompts: Tuple[Prompt, ...]
    ) -> List[Tuple[Tile, TilePrompts]]:
        """The finer tiles that show an answer's object, each with what to ask there; none if that would be too dear."""
        extent = self._framer.extent(tile, prediction.logits)
        budget = self._framer.refining_budget(tile, extent) if extent is not None else 0
        if not budget:
            return []
        coarse = MaskState(Box.empty(), EMPTY.mask, prediction.iou, tile, prediction.logits)
        asked = []
        for finer in refining_tiles(self.pyramid, tile.level + 1, extent.lo, extent.hi):
            on_finer = self._prompts_on(finer, prompts, coarse)
            if len(on_finer.points) or (on_finer.previous > _UNLIKELY).any():
                asked.append((finer, on_finer))
            if len(asked) > budget:  # now, since looking at all of up to 27 tiles costs a click by itself
                return []
        return asked

    def _with_rest(self, before: MaskState, tile: Tile, box: Box, mask: np.ndarray) -> Tuple[Box, np.ndarray]:
        """Keeps what the earlier mask had beyond this tile."""
        whole = before.box.union(box)
        if before.box.is_empty or before.box.intersection(self.pyramid.box_of(tile)) == before.box:
            return box, mask
        rest = paste(before.mask, before.box, whole).copy()
        rest[self.pyramid.box_of(tile).intersection(whole).shifted([-v for v in whole.lo]).slices] = False
        rest |= paste(mask, box, whole)
        tight = Box.of_mask(rest)
        return tight.shifted(whole.lo) if not tight.is_empty else EMPTY.box, rest[tight.slices]

    def _extent_of(self, state: MaskState) -> Optional[ObjectExtent]:
        if state.box.is_empty:
            return None
        lo, hi = np.asarray(state.box.lo) - 0.5, np.asarray(state.box.hi) - 0.5
        return ObjectExtent(tuple(lo), tuple(hi), int(state.mask.sum()), False)


def _clicks(prompts: Sequence[Prompt]) -> Tuple[np.ndarray, np.ndarray]:
    """Points and strokes as (positions (n, 3), positive (n,))."""
    positions, signs = [], []
    for prompt in prompts:
        if isinstance(prompt, PointPrompt):
            positions.append(prompt.position)
            signs.append(prompt.positive)
        elif isinstance(prompt, ScribblePrompt):
            chosen = np.linspace(0, len(prompt.points) - 1, min(_SCRIBBLE_CLICKS, len(prompt.points))).round()
            positions.extend(prompt.points[int(index)] for index in chosen)
            signs.extend([prompt.positive] * len(chosen))
    return np.array(positions, float).reshape(-1, 3), np.array(signs, bool)
