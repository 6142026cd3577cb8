"""Which structures of a case are segmented."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Tuple

import numpy as np

from .datasets import Case, Target

MIN_VOXELS = 100
MAX_TARGETS_PER_CASE = 12


@dataclass(frozen=True)
class TargetChoice:
    """The targets of one case, and how many of its labels were left out, by reason."""

    targets: Tuple[Target, ...]
    too_small: int
    beyond_limit: int


def choose_targets(
    case: Case, labels: np.ndarray, min_voxels: int = MIN_VOXELS, max_targets: int = MAX_TARGETS_PER_CASE
) -> TargetChoice:
    """One target per label value with at least `min_voxels` voxels, sorted by value; 0 is background.

    Where more than `max_targets` remain (0: no limit), so many are drawn at random; the draw depends on the case's id
    alone, so that it is the same in every run and whatever other cases there are.
    """
    names = dict(case.label_names)
    values, counts = np.unique(labels, return_counts=True)
    present = [(int(v), int(n)) for v, n in zip(values, counts) if v != 0]
    large = [(v, n) for v, n in present if n >= min_voxels]
    chosen = large
    if max_targets and len(large) > max_targets:
        rng = np.random.default_rng([42, zlib.crc32(case.id.encode())])
        chosen = [large[n] for n in sorted(rng.choice(len(large), max_targets, replace=False))]
    targets = tuple(Target(case, v, names.get(v, f"label {v}"), n) for v, n in chosen)
    return TargetChoice(targets, len(present) - len(large), len(large) - len(chosen))
