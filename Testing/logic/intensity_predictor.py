"""A predictor without a network: it grows regions of like intensity, so that masks can be checked exactly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, List, Sequence, Tuple

import numpy as np
from scipy import ndimage

from Fast3DSAM.Logic.prediction import TilePrediction, TilePrompts

_LIKELY = 2.0  # logit of the very intensity that was clicked; masks of the user come with larger ones
_GIVEN = 4.0


@dataclass(frozen=True)
class Intensities:
    """A tile's intensities, and where the volume is."""

    values: np.ndarray
    inside: np.ndarray

    @property
    def nbytes(self) -> int:
        return self.values.nbytes + self.inside.nbytes


class IntensityPredictor:
    """Foreground is what is connected to a foreground click and differs from it by less than `tolerance`.

    What background clicks grow likewise is taken away. A mask given by the user stays. A tile without clicks goes on
    from the middle of the earlier mask. The tile edge is `tile_size`;
    `embedded` and `decoded` count the tiles and the prompt sets that were worked on.
    """

    fingerprint = "intensity0123456789"
    device_name = "no device"

    def __init__(self, tile_size: int = 32, tolerance: float = 0.5) -> None:
        self.tile_size, self.tolerance = tile_size, tolerance
        self.embedded, self.decoded = 0, 0

    def embed(self, voxels: np.ndarray, inside: np.ndarray) -> Intensities:
        assert voxels.shape == inside.shape == (self.tile_size,) * 3
        self.embedded += 1
        return Intensities(voxels, inside)

    def decode(self, embedding: Intensities, prompts: Sequence[TilePrompts]) -> Tuple[TilePrediction, ...]:
        self.decoded += len(prompts)
        return tuple(self._answer(embedding, p) for p in prompts)

    def pack(self, embedding: Intensities) -> Dict[str, np.ndarray]:
        return {"values": embedding.values, "inside": embedding.inside}

    def unpack(self, arrays: Dict[str, np.ndarray]) -> Intensities:
        return Intensities(arrays["values"], arrays["inside"])

    def _answer(self, embedding: Intensities, prompts: TilePrompts) -> TilePrediction:
        seeds = [p for p, positive in zip(prompts.points, prompts.positive) if positive]
        if prompts.box is not None and not seeds:
            seeds = [prompts.box.mean(0)]
        is_bare = not len(prompts.points) and prompts.box is None and prompts.previous is not None
        if is_bare and prompts.previous.max() <= _GIVEN:
            seeds = _deepest(prompts.previous > 0)
        logits = self._grown(embedding, seeds)
        if prompts.box is not None:
            logits[~_within(prompts.box, logits.shape)] = -_LIKELY
        if prompts.previous is not None and prompts.previous.max() > _GIVEN:
            logits = np.maximum(logits, prompts.previous)
        against = self._grown(embedding, [p for p, positive in zip(prompts.points, prompts.positive) if not positive])
        logits = np.where(against > 0, -_LIKELY, logits)
        return TilePrediction(logits.astype(np.float32), _solidity(logits > 0))

    def _grown(self, embedding: Intensities, seeds: Sequence[np.ndarray]) -> np.ndarray:
        logits = np.full(embedding.values.shape, -_LIKELY)
        for seed in seeds:
            place = tuple(np.clip(np.rint(seed).astype(int), 0, np.array(logits.shape) - 1))
            likeness = 1 - np.abs(embedding.values - embedding.values[place]) / self.tolerance
            likeness = np.where(embedding.inside, np.clip(_LIKELY * likeness, -_LIKELY, _LIKELY), -_LIKELY)
            regions, _ = ndimage.label(likeness > 0)
            elsewhere = (regions > 0) & (regions != regions[place])
            logits = np.maximum(logits, np.where(elsewhere, -_LIKELY, likeness))
        return logits


def _deepest(mask: np.ndarray) -> List[np.ndarray]:
    """The voxel of the tile farthest inside an earlier mask: what a tile without clicks has to go by."""
    depth = ndimage.distance_transform_edt(mask)
    return [np.array(np.unravel_index(depth.argmax(), depth.shape))] if depth.any() else []


def _within(box: np.ndarray, shape: Tuple[int, ...]) -> np.ndarray:
    centres = np.indices(shape)
    lo, hi = box[:, :, None, None, None]
    return ((centres >= lo - 0.5) & (centres <= hi + 0.5)).all(0)


def _solidity(mask: np.ndarray) -> float:
    """What border voxels leave of a perfect estimate: a region that fills more of its tile is drawn better.

    What fills most of the tile is no object: the click fell on something too small for this level.
    """
    count = int(mask.sum())
    if count > 0.6 * mask.size:
        return 0.1
    core = ndimage.binary_erosion(mask, border_value=1).sum()
    return float(0.5 + 0.5 * core / count) if count else 0.0
