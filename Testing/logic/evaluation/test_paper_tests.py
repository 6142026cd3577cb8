from __future__ import annotations

import numpy as np
import pytest

from Fast3DSAM.Logic.evaluation.click_simulation import new_rng
from Fast3DSAM.Logic.evaluation.paper_tests import (
    next_slice_click,
    random_click_test,
    random_clicks,
    slice_click_test,
)
from Testing.logic.evaluation.conftest import labelled_volume
from Testing.logic.evaluation.test_protocol import Grower, runs_of


@pytest.fixture
def reference():
    return labelled_volume()[1] == 1


def test_ten_random_clicks_of_each_kind_lie_where_they_say(reference):
    clicks = random_clicks(reference, 10, new_rng())
    assert [c.positive for c in clicks] == [True] * 10 + [False] * 10
    assert all(reference[c.position] == c.positive for c in clicks)
    assert len({c.position for c in clicks}) == 20
    assert clicks == random_clicks(reference, 10, new_rng())


def test_fewer_voxels_than_clicks_are_all_clicked():
    reference = np.zeros((3, 3, 3), bool)
    reference[1, 1, :] = True
    assert sum(c.positive for c in random_clicks(reference, 10, new_rng())) == 3


def test_the_random_test_is_one_step_with_the_same_clicks_for_all(reference):
    runs = runs_of(Grower(1, "a"), Grower(2, "b"), reference=reference)
    random_click_test(runs)
    assert [len(run.steps) for run in runs] == [1, 1]
    assert runs[0].steps[0].clicks == runs[1].steps[0].clicks and len(runs[0].steps[0].clicks) == 20


def test_a_slice_click_is_in_a_slice_of_lowest_iou_in_the_middle_of_its_error():
    reference = np.zeros((8, 11, 11), bool)
    reference[2:6, 3:8, 3:8] = True
    prediction = reference.copy()
    prediction[2, 3] = False  # IoU 0.8
    prediction[4, 3:6] = False  # IoU 0.4: rows 3 to 5 of columns 3 to 7
    click = next_slice_click(prediction, reference, new_rng(), lowest=1)
    assert click.positive and click.position[:2] == (4, 4) and 4 <= click.position[2] <= 6
    places = {next_slice_click(prediction, reference, np.random.default_rng(n)).position[0] for n in range(20)}
    assert places == {2, 4}


def test_the_slice_test_ends_when_no_error_is_left():
    reference = np.zeros((5, 9, 9), bool)
    reference[1:4, 3, 3:5] = True
    (run,) = runs_of(Grower(0), reference=reference)
    slice_click_test([run])
    assert run.steps[-1].dsc == 1.0 and len(run.steps) == 6 and all(s.clicks for s in run.steps)


def test_the_slice_test_gives_at_most_forty_clicks(reference):
    (run,) = runs_of(Grower(0), reference=reference)
    slice_click_test([run])
    assert len(run.steps) == 40
