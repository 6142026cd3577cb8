"""A simulated user for training: clicks where the mask is most wrong, with the slips of real people."""

from __future__ import annotations

from typing import Dict, List, NamedTuple, Sequence, Tuple

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from ..geometry import Box
from ..model.prompt_encoder import BACKGROUND, FOREGROUND, PADDING, Prompts
from .batched_clicks import places_in_errors

_DEEPEST = 0.65  # of the clicks: at the deepest voxel of the error


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
    if rng.random() < _DEEPEST:
        places = np.flatnonzero(depth == depth.max())
        place = rng.choice(places)
    else:
        weights = np.square(depth).ravel()
        place = rng.choice(weights.size, p=weights / weights.sum())
    voxel = np.array(np.unravel_index(place, depth.shape)) + box.lo
    return _near(rng, voxel, target[tuple(voxel)])


class SimulatedUser:
    """Prompts of a batch of targets, growing round by round."""

    def __init__(self, rng: np.random.Generator, targets: Tensor) -> None:
        """`targets` (N, D, H, W) bool, on the device on which the masks will be."""
        self._rng, self._targets = rng, targets
        self._clicks: List[List[Click]] = [[] for _ in targets]
        self._boxes = np.full((len(targets), 2, 3), np.nan, np.float32)
        for row, (lo, hi) in _corners(targets).items():
            if rng.random() < 0.15:
                slip = np.maximum((hi - lo) * 0.05, 1)
                self._boxes[row] = np.stack([lo + rng.normal(0, slip), hi + rng.normal(0, slip)])

    def look(self, masks: Tensor, first: bool) -> None:
        """Adds to every row the click that its mask, (N, D, H, W) bool, asks for; sometimes several.

        A first click is often left out where a box or an earlier mask already says what is meant, as in the tiles that
        refine a large object away from its clicks.
        """
        known = np.isfinite(self._boxes).all((1, 2)) | masks.flatten(1).any(1).cpu().numpy()
        left_out = known & first & (self._rng.random(len(known)) < 0.6)
        counts = np.where(self._rng.random(len(known)) < 0.85, 1, self._rng.integers(2, 5, len(known)))
        counts = np.where(left_out, 0, counts)
        if masks.device.type == "cuda":  # Apple's GPU has no float64, which the sums over a tile need
            for row, places in enumerate(places_in_errors(self._rng, masks, self._targets, counts, _DEEPEST)):
                self._clicks[row] += [_near(self._rng, voxel, is_target) for voxel, is_target in places]
            return
        truth = self._targets.cpu().numpy()
        for row, mask in enumerate(masks.cpu().numpy()):
            self._clicks[row] += [correcting_click(self._rng, mask, truth[row]) for _ in range(counts[row])]

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


def _near(rng: np.random.Generator, voxel: Sequence[int], is_target: bool) -> Click:
    return Click(tuple(voxel + rng.uniform(-0.5, 0.5, 3)), FOREGROUND if is_target else BACKGROUND)


def _corners(targets: Tensor) -> Dict[int, Tuple[np.ndarray, np.ndarray]]:
    """First and last voxel (k, j, i) of each target that is not empty, by its row."""
    along = [targets.any(2).any(2), targets.any(1).any(2), targets.any(1).any(1)]  # one axis each
    filled = [axis.cpu().numpy() for axis in along]
    return {
        row: tuple(np.array([np.flatnonzero(axis[row])[end] for axis in filled], float) for end in (0, -1))
        for row in np.flatnonzero(filled[0].any(1))
    }


def earlier_masks(rng: np.random.Generator, targets: Tensor, share: float = 0.3) -> Tensor:
    """Logits of a coarse earlier mask for some `targets` (N, n, n, n), zero for the others; (N, 1, n, n, n) float32.

    As the session gives them: a mask of a coarser level, an edited segment, a mask that lacks a piece.
    """
    logits = torch.zeros(len(targets), 1, *targets.shape[1:], device=targets.device)
    rows = np.flatnonzero(rng.random(len(targets)) < share)
    if not len(rows):
        return logits
    size = targets.shape[1]
    blur = _on_rows(np.stack([_blurring(size, sigma) for sigma in rng.uniform(0.5, 3.0, len(rows))]), targets)
    counts = [int(np.ceil(size / feature)) + 1 for feature in rng.uniform(3, 9, len(rows))]
    noise = rng.standard_normal((len(rows), *[max(counts)] * 3), dtype=np.float32)
    enlarge = _on_rows(np.stack([_enlarging(count, max(counts), size) for count in counts]), targets)
    strength, threshold = rng.uniform(0, 0.35, len(rows)), rng.uniform(0.3, 0.6, len(rows))
    strength, threshold, steepness = (
        _on_rows(values, targets)[:, None, None, None]
        for values in (strength, threshold, rng.choice([8, 16], len(rows)))
    )
    chosen = torch.from_numpy(rows).to(targets.device)
    rough = _along_axes(blur, targets[chosen].float()) + strength * _along_axes(enlarge, _on_rows(noise, targets))
    logits[chosen, 0] = ((rough - threshold) * steepness).clamp(-8, 8)
    return logits


def _on_rows(values: np.ndarray, like: Tensor) -> Tensor:
    return torch.from_numpy(np.asarray(values, np.float32)).to(like.device)


def _along_axes(matrices: Tensor, volumes: Tensor) -> Tensor:
    """Every axis of each volume (N, c, c, c) multiplied by its matrix (N, n, c); (N, n, n, n)."""
    for _ in range(3):  # the first axis, which then becomes the last
        volumes = (matrices @ volumes.flatten(2)).unflatten(2, volumes.shape[2:]).movedim(1, 3)
    return volumes


def _blurring(size: int, sigma: float) -> np.ndarray:
    """Gaussian blur of a line as a matrix (size, size); beyond its ends there is nothing to mix in."""
    apart = np.subtract.outer(np.arange(size), np.arange(size))
    weights = np.exp(-0.5 * np.square(apart / sigma))
    return weights / weights.sum(1, keepdims=True)


def _enlarging(count: int, columns: int, size: int) -> np.ndarray:
    """Linear interpolation of a line of `count` values to `size`, as a matrix (size, columns); more columns are 0."""
    at = np.linspace(0, count - 1, size)
    return np.clip(1 - np.abs(np.subtract.outer(at, np.arange(columns))), 0, None) * (np.arange(columns) < count)
