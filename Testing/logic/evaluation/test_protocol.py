from __future__ import annotations

import numpy as np
import pytest

from Fast3DSAM.Logic.evaluation.baselines import Watershed
from Fast3DSAM.Logic.evaluation.click_simulation import new_rng, next_click
from Fast3DSAM.Logic.evaluation.protocol import Run, box_of_middle_slice, click_test
from Fast3DSAM.Logic.geometry import VolumeGeometry
from Testing.logic.evaluation.conftest import SPACING, labelled_volume

GEOMETRY = VolumeGeometry.from_spacing(SPACING)


class Grower:
    """Paints a cube at each click; `reach` voxels to each side. It keeps what it was given."""

    def __init__(self, reach: int, name: str = "grower") -> None:
        self.name, self.reach, self.given = name, reach, []

    def start(self, voxels, geometry) -> None:
        self.shape = voxels.shape

    def reset(self) -> None:
        self.mask, self.clicks = np.zeros(self.shape, bool), []
        self.given.append(self.clicks)

    def add_box(self, lo, hi) -> np.ndarray:
        self.mask[tuple(slice(a, b + 1) for a, b in zip(lo, hi))] = True
        return self.mask.copy()

    def add_clicks(self, clicks) -> np.ndarray:
        for click in clicks:
            self.clicks.append(click)
            cube = tuple(slice(max(0, p - self.reach), p + self.reach + 1) for p in click.position)
            self.mask[cube] = click.positive
        return self.mask.copy()


def runs_of(*growers, reference):
    for grower in growers:
        grower.start(np.zeros(reference.shape), GEOMETRY)
    return [Run(grower, reference, SPACING) for grower in growers]


@pytest.fixture
def reference():
    return labelled_volume()[1] == 1


def test_all_methods_get_the_clicks_on_the_first_ones_errors(reference):
    runs = runs_of(Grower(3, "a"), Grower(1, "b"), reference=reference)
    click_test(runs)
    assert [s.clicks for s in runs[0].steps] == [s.clicks for s in runs[1].steps]
    assert runs[0].segmenter.clicks == runs[1].segmenter.clicks and len(runs[0].segmenter.clicks) == 5


def test_own_clicks_are_on_each_methods_own_errors(reference):
    runs = runs_of(Grower(3, "a"), Grower(1, "b"), reference=reference)
    click_test(runs, own_clicks=True)
    alone = runs_of(Grower(1, "b"), reference=reference)
    click_test(alone)
    assert runs[1].segmenter.clicks == alone[0].segmenter.clicks != runs[0].segmenter.clicks


def test_clicks_follow_the_protocol_step_by_step(reference):
    (run,) = runs_of(Grower(2), reference=reference)
    click_test([run], clicks=3)
    rng, grower = new_rng(), Grower(2)
    grower.start(np.zeros(reference.shape), GEOMETRY)
    grower.reset()
    for step in run.steps:
        click = next_click(grower.mask, reference, rng)
        assert step.clicks == (click,)
        grower.add_clicks([click])


def test_a_solved_target_gets_no_more_clicks_and_keeps_its_score():
    reference = np.zeros((9, 9, 9), bool)
    reference[2:7, 2:7, 2:7] = True
    (run,) = runs_of(Grower(2), reference=reference)
    click_test([run])
    assert [len(s.clicks) for s in run.steps] == [1, 0, 0, 0, 0]
    assert [s.dsc for s in run.steps] == [1.0] * 5 and run.steps[-1].nsd == 1.0
    assert run.result(None, 0.0).dsc_auc == 4.0


def test_the_box_is_that_of_the_middle_slice_and_the_range_of_slices():
    reference = np.zeros((9, 9, 9), bool)
    reference[2:7, 4, 4] = True
    reference[4, 2:6, 3:8] = True
    assert box_of_middle_slice(reference) == ((2, 2, 3), (6, 5, 7))


def test_a_box_is_step_zero_and_clicks_start_from_its_mask():
    reference = np.zeros((9, 9, 9), bool)
    reference[2:7, 2:6, 3:8] = True
    (run,) = runs_of(Grower(1), reference=reference)
    click_test([run], box=True)
    assert run.box_step.dsc == 1.0 and not any(s.clicks for s in run.steps)
    assert run.result(None, 0.0).dsc_auc == 4.0


def test_targets_do_not_depend_on_each_other():
    voxels, labels = labelled_volume()
    watershed = Watershed()
    watershed.start(voxels, GEOMETRY)
    steps = []
    for value in (1, 2, 1):
        run = Run(watershed, labels == value, SPACING)
        click_test([run])
        steps.append([(s.clicks, s.dsc, s.nsd) for s in run.steps])
    assert steps[0] == steps[2] != steps[1]
