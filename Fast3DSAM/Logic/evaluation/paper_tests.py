"""The two tests of the Fast 3D SAM paper, beside the click protocol.

The paper leaves details open; what is fixed here so that a run can be repeated:
- Random clicks: all 20 at once, each uniformly from the target's (or the other) voxels, without repetition.
- Slices: the five slices (along k) of lowest IoU are the candidates, ties in random order; one of them at random. In
  it the protocol's rule in 2D: the largest 8-connected component of the error, its innermost voxel.
"""

from __future__ import annotations

from typing import List, Optional, Sequence

import numpy as np

from .click_simulation import Click, central_voxel, largest_component, new_rng
from .protocol import Run

RANDOM_CLICKS = 10
SLICE_CLICKS = 40
LOWEST_SLICES = 5


def random_click_test(runs: Sequence[Run], clicks: int = RANDOM_CLICKS) -> None:
    """`clicks` random foreground and as many background clicks, the same for all runs, in one step."""
    chosen = random_clicks(runs[0].reference, clicks, new_rng())
    for run in runs:
        run.click(chosen)


def random_clicks(reference: np.ndarray, clicks: int, rng: np.random.Generator) -> List[Click]:
    """`clicks` voxels of each kind, foreground first; fewer where there are fewer voxels."""
    chosen = []
    for positive in (True, False):
        voxels = np.flatnonzero(reference.ravel() == positive)
        drawn = rng.choice(voxels, min(clicks, voxels.size), replace=False)
        positions = np.stack(np.unravel_index(drawn, reference.shape), axis=1).tolist()
        chosen += [Click(tuple(p), positive) for p in positions]
    return chosen


def slice_click_test(runs: Sequence[Run], clicks: int = SLICE_CLICKS, own_clicks: bool = False) -> None:
    """Up to `clicks` simulated clicks, each in one of the slices of lowest IoU; ends when no error is left."""
    rngs = [new_rng() for _ in runs]
    for _ in range(clicks):
        made = [next_slice_click(r.prediction, r.reference, g) for r, g in zip(runs[: None if own_clicks else 1], rngs)]
        if all(click is None for click in made):
            break
        for run, click in zip(runs, made if own_clicks else made * len(runs)):
            run.click([click] if click is not None else [])


def next_slice_click(
    prediction: np.ndarray, reference: np.ndarray, rng: np.random.Generator, lowest: int = LOWEST_SLICES
) -> Optional[Click]:
    """A click in one of the `lowest` slices along k of lowest IoU that hold an error; `None` without any error."""
    wrong = np.flatnonzero((prediction != reference).any(axis=(1, 2)))
    if not wrong.size:
        return None
    common = (prediction & reference)[wrong].sum(axis=(1, 2))
    either = (prediction | reference)[wrong].sum(axis=(1, 2))
    order = rng.permutation(wrong.size)
    order = order[np.argsort((common / either)[order], kind="stable")]
    k = int(wrong[rng.choice(order[:lowest])])
    j, i = (int(p) for p in central_voxel(largest_component((prediction != reference)[k]), rng))
    return Click((k, j, i), bool(reference[k, j, i]))
