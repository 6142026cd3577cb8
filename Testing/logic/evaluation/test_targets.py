from __future__ import annotations

from pathlib import Path

import numpy as np

from Fast3DSAM.Logic.evaluation.datasets import Case
from Fast3DSAM.Logic.evaluation.targets import choose_targets

CASE = Case("x", Path("i"), Path("l"), ((1, "liver"),))


def labels_of(count: int, voxels: int = 10) -> np.ndarray:
    labels = np.zeros((count + 1, voxels, 1), np.int32)
    labels[1:] = np.arange(1, count + 1)[:, None, None]
    return labels


def test_every_label_with_enough_voxels_is_a_target():
    labels = labels_of(3)
    labels[2, 4:] = 0
    choice = choose_targets(CASE, labels, min_voxels=5)
    assert [(t.value, t.name, t.voxels) for t in choice.targets] == [(1, "liver", 10), (3, "label 3", 10)]
    assert (choice.too_small, choice.beyond_limit) == (1, 0)


def test_a_case_with_many_labels_is_limited_by_a_draw_that_repeats():
    choice = choose_targets(CASE, labels_of(100), 1, 12)
    values = [t.value for t in choice.targets]
    assert len(values) == 12 and values == sorted(values) and choice.beyond_limit == 88
    assert choose_targets(CASE, labels_of(100), 1, 12) == choice
    other = Case("y", Path("i"), Path("l"))
    assert [t.value for t in choose_targets(other, labels_of(100), 1, 12).targets] != values
    assert len(choose_targets(CASE, labels_of(100), 1, 0).targets) == 100
