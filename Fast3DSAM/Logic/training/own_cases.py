"""A user's own cases: which can be read, which are trained on, and how a result on some of them is summed up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence, Tuple

import numpy as np

from ..errors import Fast3DSAMError, VolumeFileError
from ..evaluation.datasets import Case
from ..evaluation.pairs import read_pair
from ..evaluation.results import EvaluationResult, TargetResult


@dataclass(frozen=True)
class Split:
    """Which cases are trained on, held out to decide when to stop, and not used at all before the final table."""

    train: Tuple[Case, ...]
    held_out: Tuple[Case, ...]
    unseen: Tuple[Case, ...] = ()


def split_cases(cases: Sequence[Case], held_out: int = 0, unseen: int = 0, seed: int = 0) -> Split:
    """A random split; `held_out` 0 takes a quarter. Raises `VolumeFileError` if no case is left to train on."""
    held_out = held_out or max(1, len(cases) // 4)
    if len(cases) - held_out - unseen < 1:
        raise VolumeFileError(
            f"{len(cases)} cases are too few for {held_out} held out and {unseen} unseen ones and at least one to "
            "train on; add cases or hold fewer out."
        )
    shuffled = [cases[n] for n in np.random.default_rng(seed).permutation(len(cases))]
    first, second = held_out, held_out + unseen
    return Split(tuple(shuffled[second:]), tuple(shuffled[:first]), tuple(shuffled[first:second]))


def readable_cases(cases: Sequence[Case]) -> Tuple[Tuple[Case, ...], Tuple[str, ...]]:
    """(cases whose image and label fit together, one sentence about each of the others)."""
    good, remarks = [], []
    for case in cases:
        try:
            pair = read_pair(case.image_path, case.label_path)
        except Fast3DSAMError as error:
            remarks.append(f"{case.id}: {error}")
            continue
        if pair.labels.any():
            good.append(case)
        else:
            remarks.append(f"{case.id}: its label map is empty")
    return tuple(good), tuple(remarks)


def rows_of(result: EvaluationResult, cases: Sequence[Case]) -> Tuple[TargetResult, ...]:
    """The targets of `cases` alone."""
    ids = {case.id for case in cases}
    return tuple(row for row in result.rows if row.target.case.id in ids)


def mean_dice(result: EvaluationResult, cases: Sequence[Case]) -> float:
    """Mean Dice over all clicks of all targets of `cases`, NaN where there are none."""
    means = [np.mean([step.dsc for step in row.steps]) for row in rows_of(result, cases)]
    return float(np.mean(means)) if means else float("nan")
