"""A simulated user for training: clicks where the mask is most wrong, with the slips of real people."""

from __future__ import annotations

from typing import List, NamedTuple, Tuple

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from ..geometry import Box
from ..model.prompt_encoder import BACKGROUND, FOREGROUND, PADDING, Prompts
from .fields import smooth_noise


class Click(NamedTuple):
    """`position` in voxels of the tile (k, j, i); `label` FOREGROUND or BACKGROUND."""

    position: Tuple[float, float, float]
    label: int


def correcting_click(rng: np.random.Generator, mask: np.ndarray, target: np.ndarray) -> Click:
    """A click into the largest error of `mask` against `target`, both bool (k, j, i) on the tile.

    Most clicks sit at the error's deepest voxel, as in the click protocol; the others anywhere inside, deeper
    places more often. A perfect mask gets one more click into the target.
    """
    error = mask != target
    if not error.any():
        error = target if target.any() else ~target
    box = Box.of_mask(error)
    components, count = ndimage.label(error[box.slices], np.ones((3, 3, 3)))
    if count > 1:
        largest = components == 1 + int(np.bincount(components.ravel())[1:].argmax())
        inner = Box.of_mask(largest)
        box, part = inner.shifted(box.lo), largest[inner.slices]
    else:
        part = components > 0
    depth = ndimage.distance_transform_edt(np.pad(part, 1))[1:-1, 1:-1, 1:-1]
    if rng.random() < 0.65:
        places = np.flatnonzero(depth == depth.max())
        place = rng.choice(places)
    else:
        weights = np.square(depth).ravel()
        place = rng.choice(weights.size, p=weights / weights.sum())
    voxel = np.array(np.unravel_index(place, depth.shape)) + box.lo
    position = voxel + rng.uniform(-0.5, 0.5, 3)
    return Click(tuple(position), FOREGROUND if target[tuple(voxel)] else BACKGROUND)


class SimulatedUser:
    """Prompts of a batch of targets, growing round by round."""

    def __init__(self, rng: np.random.Generator, targets: np.ndarray) -> None:
        """`targets` (N, D, H, W) bool."""
        self._rng, self._targets = rng, targets
        self._clicks: List[List[Click]] = [[] for _ in targets]
        self._boxes = np.full((len(targets), 2, 3), np.nan, np.float32)
        for row, target in enumerate(targets):
            if target.any() and rng.random() < 0.15:
                self._boxes[row] = self._rough_box(target)

    def look(self, masks: np.ndarray, first: bool) -> None:
        """Adds to every row the click that its mask asks for; sometimes several.

        A first click is often left out where a box or an earlier mask already says what is meant, as in the tiles that
        refine a large object away from its clicks.
        """
        for row, (mask, target) in enumerate(zip(masks, self._targets)):
            known = np.isfinite(self._boxes[row]).all() or mask.any()
            if first and known and self._rng.random() < 0.6:
                continue
            for _ in range(1 if self._rng.random() < 0.85 else int(self._rng.integers(2, 5))):
                self._clicks[row].append(correcting_click(self._rng, mask, target))

    def prompts(self, previous: Tensor) -> Prompts:
        """All prompts so far; `previous` (N, 1, D, H, W) logits."""
        longest = max(1, max(map(len, self._clicks)))
        points = np.zeros((len(self._clicks), longest, 3), np.float32)
        labels = np.full((len(self._clicks), longest), PADDING, np.int64)
        for row, clicks in enumerate(self._clicks):
            for column, click in enumerate(clicks):
                points[row, column], labels[row, column] = click.position, click.label
        device = previous.device
        return Prompts(
            torch.from_numpy(points).to(device),
            torch.from_numpy(labels).to(device),
            torch.from_numpy(self._boxes).to(device),
            previous,
        )

    def _rough_box(self, target: np.ndarray) -> np.ndarray:
        box = ndimage.find_objects(target.astype(np.uint8))[0]
        lo = np.array([s.start for s in box], float)
        hi = np.array([s.stop for s in box]) - 1.0
        slip = np.maximum((hi - lo) * 0.05, 1)
        return np.stack([lo + self._rng.normal(0, slip), hi + self._rng.normal(0, slip)])


def earlier_masks(rng: np.random.Generator, targets: np.ndarray, share: float = 0.3) -> np.ndarray:
    """Logits of a coarse earlier mask for some targets, zero for the others; (N, 1, D, H, W) float32.

    As the session gives them: a mask of a coarser level, an edited segment, a mask that lacks a piece.
    """
    logits = np.zeros((len(targets), 1, *targets.shape[1:]), np.float32)
    for row, target in enumerate(targets):
        if rng.random() >= share:
            continue
        rough = ndimage.gaussian_filter(target.astype(np.float32), rng.uniform(0.5, 3.0), truncate=2.5)
        rough += smooth_noise(rng, len(target), rng.uniform(3, 9))[0] * rng.uniform(0, 0.35)
        logits[row, 0] = np.clip((rough - rng.uniform(0.3, 0.6)) * rng.choice([8, 16]), -8, 8)
    return logits
