"""A small but true session: the mask is the balls around foreground points minus those around background points.

It keeps the contract of `InteractiveSession` (the mask is a function of geometry and prompts alone), needs no weights,
and its result can be worked out by hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Tuple

import numpy as np

from Fast3DSAM.Logic.errors import InvalidPromptError, NoVolumeError
from Fast3DSAM.Logic.geometry import Box, VolumeGeometry, paste
from Fast3DSAM.Logic.prompts import BoxPrompt, MaskPrompt, PointPrompt, PromptHistory, PromptSet, ScribblePrompt

RADIUS = 3.07  # mm; no voxel of the test grids lies just on the border, where rounding would decide


@dataclass(frozen=True)
class BallUpdate:
    """Same fields as `SegmentationUpdate`."""

    box: Box
    box_mask: np.ndarray
    iou: float
    seconds: float
    shape: Tuple[int, int, int]

    @property
    def mask(self) -> np.ndarray:
        return paste(self.box_mask, self.box, Box((0, 0, 0), self.shape))


class BallSession:
    """See above."""

    def __init__(self) -> None:
        self.geometry: Optional[VolumeGeometry] = None
        self.shape: Optional[Tuple[int, int, int]] = None
        self.history = PromptHistory()
        self._last = Box.empty()

    @property
    def prompts(self) -> PromptSet:
        return self.history.current

    @property
    def has_volume(self) -> bool:
        return self.shape is not None

    def set_volume(self, voxels, spacing=None, geometry=None, progress=None, cancel=None) -> float:
        self.shape = tuple(voxels.shape)
        self.geometry = geometry or VolumeGeometry.from_spacing(spacing or (1, 1, 1))
        self.history, self._last = PromptHistory(), Box.empty()
        return 0.0

    def clear_volume(self) -> None:
        self.shape = self.geometry = None
        self.history, self._last = PromptHistory(), Box.empty()

    def add_point(self, position, positive=True):
        return self.apply(self.prompts.with_point(position, positive))

    def move_point(self, id, position, new_step=True):
        return self.apply(self.prompts.moved(id, position), new_step)

    def remove_point(self, id):
        return self.apply(self.prompts.without(id))

    def flip_point(self, id):
        return self.apply(self.prompts.flipped(id))

    def add_box(self, lo, hi):
        return self.apply(self.prompts.with_box(lo, hi))

    def add_scribble(self, points, positive=True):
        return self.apply(self.prompts.with_scribble(points, positive))

    def set_initial_mask(self, mask):
        return self.apply(self.prompts.with_mask(mask))

    def reset(self):
        return self.apply(PromptSet())

    def undo(self):
        self.history.undo()
        return self._update()

    def redo(self):
        self.history.redo()
        return self._update()

    def use_history(self, history: PromptHistory):
        self.history, self._last = history, Box.empty()
        return self._update() if self.has_volume else None

    def apply(self, prompts: PromptSet, new_step=True):
        self._check(prompts)
        (self.history.push if new_step else self.history.amend)(prompts)
        return self._update()

    def preview(self, position, positive=True):
        prompts = self.prompts.with_point(position, positive)
        self._check(prompts)
        return self._as_update(self._mask(prompts), Box.empty())

    def suggest_next(self):
        points = self.prompts.points
        return tuple(v + 1.0 for v in points[-1].position) if points else None

    def _check(self, prompts: PromptSet) -> None:
        if not self.has_volume:
            raise NoVolumeError("There is no volume; set one first.")
        for prompt in prompts.points:
            if not all(-0.5 <= v <= n - 0.5 for v, n in zip(prompt.position, self.shape)):
                raise InvalidPromptError(f"The point {prompt.position} lies outside the volume; click inside it.")

    def _update(self) -> BallUpdate:
        mask = self._mask(self.prompts)
        update = self._as_update(mask, self._last)
        self._last = Box.of_mask(mask)
        return update

    def _as_update(self, mask: np.ndarray, earlier: Box) -> BallUpdate:
        box = earlier.union(Box.of_mask(mask))
        return BallUpdate(box, mask[box.slices].copy(), 0.9, 0.0, self.shape)

    def _mask(self, prompts: PromptSet) -> np.ndarray:
        positions = np.stack(np.meshgrid(*map(np.arange, self.shape), indexing="ij"), axis=-1) * self.geometry.spacing

        def ball(kji) -> np.ndarray:
            return ((positions - np.multiply(kji, self.geometry.spacing)) ** 2).sum(axis=-1) <= RADIUS**2

        mask = np.zeros(self.shape, dtype=bool)
        for prompt in prompts:
            if isinstance(prompt, MaskPrompt):
                mask[prompt.box.slices] |= prompt.array()
            elif isinstance(prompt, PointPrompt) and prompt.positive:
                mask |= ball(prompt.position)
            elif isinstance(prompt, BoxPrompt):
                mask[tuple(slice(int(np.ceil(a - 1e-6)), int(b + 1e-6) + 1) for a, b in zip(prompt.lo, prompt.hi))] = (
                    True
                )
            elif isinstance(prompt, ScribblePrompt) and prompt.positive:
                for point in prompt.points:
                    mask |= ball(point)
        for prompt in prompts:
            if isinstance(prompt, PointPrompt) and not prompt.positive:
                mask &= ~ball(prompt.position)
        return mask
