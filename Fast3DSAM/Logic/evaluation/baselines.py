"""Classical methods with the same clicks: watershed, random walker, grow from seeds.

One rule for all three, since each needs background and a first click gives none:
- They work on the box around all clicks, grown by `MARGIN_MM` on each side and cut off at the volume. With a box
  prompt it is that box and one voxel around it instead.
- The outermost voxels of this region are background, except where it is cut off at the volume's border and an object
  may go on: there only if all of its faces are cut off. Every click is a cube of 3 voxels, a later one over an earlier.
- The region is thinned by a whole step per axis until it has at most `max_voxels`; the random walker's is the smallest
  since it solves a linear system of that size. The result goes back to full resolution by linear interpolation.
- Where a region has one intensity only, or one kind of seeds, nothing grows: the seeds are the result.
- Intensities are cut at the region's 0.5 and 99.5 percentiles and scaled to 0..1.
"""

from __future__ import annotations

from typing import List, Optional, Sequence

import numpy as np

from ..geometry import Box, VolumeGeometry
from .click_simulation import Click

MARGIN_MM = 30.0
_FOREGROUND, _BACKGROUND = 1, 2


class SeededBaseline:
    """The common rule; a method adds `_foreground`."""

    name = ""
    max_voxels = 96**3

    def start(self, voxels: np.ndarray, geometry: VolumeGeometry) -> None:
        self._voxels = np.nan_to_num(np.asarray(voxels, dtype=np.float32))
        self._spacing = np.array(geometry.spacing)
        self.reset()

    def reset(self) -> None:
        self._clicks: List[Click] = []
        self._box: Optional[Box] = None

    def add_box(self, lo: Sequence[int], hi: Sequence[int]) -> np.ndarray:
        """Without a click there is no foreground seed, so the middle of the box is one."""
        self._box = Box(tuple(int(v) for v in lo), tuple(int(v) + 1 for v in hi))
        middle = Click(tuple((int(a) + int(b)) // 2 for a, b in zip(lo, hi)), True)
        return self.add_clicks([middle])

    def add_clicks(self, clicks: Sequence[Click]) -> np.ndarray:
        self._clicks.extend(clicks)
        mask = np.zeros(self._voxels.shape, dtype=bool)
        if not any(c.positive for c in self._clicks):
            return mask
        region = self._region()
        steps = _thinning(region.shape, self.max_voxels)
        thinned = self._voxels[region.slices][tuple(slice(None, None, s) for s in steps)]
        seeds = self._seeds(thinned.shape, region, steps)
        image = _scaled(thinned)
        if len(np.unique(seeds)) == 3 and image.min() < image.max():
            probability = self._foreground(image, seeds, self._spacing * steps)
        else:
            probability = (seeds == _FOREGROUND).astype(np.float32)
        mask[region.slices] = _thickened(probability, steps, region.shape) > 0.5
        return mask

    def _foreground(self, image: np.ndarray, seeds: np.ndarray, spacing: np.ndarray) -> np.ndarray:
        """Foreground 0..1 for `image` (0..1) with `seeds` (0 none, 1 foreground, 2 background), all (k, j, i)."""
        raise NotImplementedError

    def _region(self) -> Box:
        whole = Box((0, 0, 0), self._voxels.shape)
        points = [c.position for c in self._clicks]
        around = Box(tuple(np.min(points, 0).tolist()), tuple((np.max(points, 0) + 1).tolist()))
        if self._box is not None:
            return self._box.union(around).padded(1).intersection(whole)
        margin = np.ceil(MARGIN_MM / self._spacing).astype(int)
        lo, hi = (np.array(around.lo) - margin).tolist(), (np.array(around.hi) + margin).tolist()
        return Box(tuple(lo), tuple(hi)).intersection(whole)

    def _seeds(self, shape: Sequence[int], region: Box, steps: np.ndarray) -> np.ndarray:
        seeds = np.zeros(shape, dtype=np.uint8)
        faces = [(axis, side) for axis in range(3) for side in (0, -1)]
        inside = [(a, s) for a, s in faces if (region.lo[a] > 0 if s == 0 else region.hi[a] < self._voxels.shape[a])]
        for axis, side in inside or faces:
            np.moveaxis(seeds, axis, 0)[side] = _BACKGROUND
        for click in self._clicks:
            centre = np.minimum((np.array(click.position) - region.lo) // steps, np.array(shape) - 1)
            cube = tuple(slice(max(0, int(c) - 1), int(c) + 2) for c in centre)
            seeds[cube] = _FOREGROUND if click.positive else _BACKGROUND
        return seeds


class Watershed(SeededBaseline):
    """Watershed on the gradient magnitude (scikit-image)."""

    name = "watershed"

    def _foreground(self, image: np.ndarray, seeds: np.ndarray, spacing: np.ndarray) -> np.ndarray:
        from scipy.ndimage import gaussian_gradient_magnitude
        from skimage.segmentation import watershed

        sigma = np.minimum(1.0, spacing.min() / spacing)
        labels = watershed(gaussian_gradient_magnitude(image, sigma), seeds.astype(np.int32))
        return (labels == _FOREGROUND).astype(np.float32)


class RandomWalker(SeededBaseline):
    """Random walker (scikit-image). Its default beta of 130 leaks through faint borders; 1000 is much better here."""

    name = "random-walker"
    max_voxels = 44**3

    def _foreground(self, image: np.ndarray, seeds: np.ndarray, spacing: np.ndarray) -> np.ndarray:
        from skimage.segmentation import random_walker

        probabilities = random_walker(
            image,
            seeds.astype(np.int32),
            beta=1000,
            mode="cg_j",
            tol=1e-4,
            spacing=spacing / spacing.min(),
            return_full_prob=True,
        )
        return probabilities[0].astype(np.float32)


class GrowFromSeeds(SeededBaseline):
    """Slicer's Grow from seeds (`vtkImageGrowCutSegment`)."""

    name = "grow-from-seeds"

    def _foreground(self, image: np.ndarray, seeds: np.ndarray, spacing: np.ndarray) -> np.ndarray:
        from ..mrml.grow_cut import grow_from_seeds

        return (grow_from_seeds(image, seeds, spacing) == _FOREGROUND).astype(np.float32)


def _scaled(image: np.ndarray) -> np.ndarray:
    low, high = np.percentile(image, (0.5, 99.5))
    return np.clip((image - low) / max(high - low, 1e-6), 0, 1).astype(np.float32)


def _thinning(shape: Sequence[int], max_voxels: int) -> np.ndarray:
    """Whole steps (k, j, i): the axis with the most voxels is thinned further until the region is small enough."""
    steps = np.ones(3, dtype=int)
    while np.prod(-(-np.array(shape) // steps)) > max_voxels:
        steps[int(np.argmax(np.array(shape) / steps))] += 1
    return steps


def _thickened(values: np.ndarray, steps: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """Values at every `steps`-th voxel -> values at every voxel of `shape`, linear between them."""
    for axis, (step, size) in enumerate(zip(steps, shape)):
        if step > 1:
            at = np.arange(size) / step
            low = np.minimum(at.astype(int), values.shape[axis] - 1)
            high = np.minimum(low + 1, values.shape[axis] - 1)
            part = np.expand_dims(at - low, tuple(a for a in range(3) if a != axis)).clip(0, 1)
            values = np.take(values, low, axis) * (1 - part) + np.take(values, high, axis) * part
    return values
