"""The click protocol: per target, prompt, look at the error, click, measure; see `click_simulation` and `metrics`."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Callable, List, Optional, Sequence, Tuple

import numpy as np

from ..geometry import Box
from ..prompts import MaskPrompt
from .click_simulation import Click, new_rng, next_click
from .datasets import Target
from .metrics import scores
from .results import Step, TargetResult
from .segmenters import Segmenter

CLICKS = 5


@dataclass
class Run:
    """One method on one target, on its way. `spacing` is (sk, sj, si) mm; `reference` boolean (k, j, i)."""

    segmenter: Segmenter
    reference: np.ndarray
    spacing: Sequence[float]
    prediction: np.ndarray = field(init=False)
    steps: List[Step] = field(default_factory=list)
    box_step: Optional[Step] = None

    def __post_init__(self) -> None:
        self.segmenter.reset()
        self.prediction = np.zeros(self.reference.shape, dtype=bool)

    def click(self, clicks: Sequence[Click]) -> None:
        """Add `clicks` and measure; without any the state stays and counts once more."""
        if not clicks:
            last = self.steps[-1] if self.steps else self._measured((), 0.0)
            self.steps.append(Step((), last.dsc, last.nsd, 0.0))
            return
        seconds = self._timed(lambda: self.segmenter.add_clicks(clicks))
        self.steps.append(self._measured(tuple(clicks), seconds))

    def box(self) -> None:
        lo, hi = box_of_middle_slice(self.reference)
        seconds = self._timed(lambda: self.segmenter.add_box(lo, hi))
        self.box_step = self._measured((), seconds)

    def result(self, target: Target, seconds_once: float) -> TargetResult:
        mask = MaskPrompt.of(0, self.prediction)
        return TargetResult(self.segmenter.name, target, tuple(self.steps), seconds_once, self.box_step, mask)

    def _timed(self, action: Callable[[], np.ndarray]) -> float:
        begin = time.perf_counter()
        prediction = action()
        seconds = time.perf_counter() - begin
        self.prediction = np.asarray(prediction, dtype=bool)
        return seconds

    def _measured(self, clicks: Tuple[Click, ...], seconds: float) -> Step:
        return Step(clicks, *scores(self.prediction, self.reference, self.spacing), seconds)


def click_test(runs: Sequence[Run], clicks: int = CLICKS, box: bool = False, own_clicks: bool = False) -> None:
    """Step 0 if `box`, then `clicks` steps for all methods on one target.

    The first run's errors place the clicks and all runs get these same clicks; with `own_clicks` each run's own do.
    """
    if box:
        for run in runs:
            run.box()
    rngs = [new_rng() for _ in runs]
    for _ in range(clicks):
        if not own_clicks:
            shared = next_click(runs[0].prediction, runs[0].reference, rngs[0])
        for run, rng in zip(runs, rngs):
            click = next_click(run.prediction, run.reference, rng) if own_clicks else shared
            run.click([click] if click is not None else [])


def box_of_middle_slice(reference: np.ndarray) -> Tuple[Tuple[int, int, int], Tuple[int, int, int]]:
    """First and last voxel (k, j, i), both inside, of the box prompt: the object's range of slices along k, and in the
    plane its extent in the middle one of the slices that it occupies. `reference` must not be empty."""
    occupied = np.flatnonzero(reference.any(axis=(1, 2)))
    middle = reference[occupied[len(occupied) // 2]][None]
    plane = Box.of_mask(middle)
    lo = (int(occupied[0]), plane.lo[1], plane.lo[2])
    return lo, (int(occupied[-1]), plane.hi[1] - 1, plane.hi[2] - 1)
