from __future__ import annotations

import numpy as np
import pytest

from Fast3DSAM.Logic.evaluation.baselines import GrowFromSeeds, RandomWalker, Watershed
from Fast3DSAM.Logic.evaluation.click_simulation import Click
from Fast3DSAM.Logic.evaluation.metrics import dice
from Fast3DSAM.Logic.geometry import VolumeGeometry
from Testing.logic.evaluation.conftest import SPACING, labelled_volume

GEOMETRY = VolumeGeometry.from_spacing(SPACING)
ORGAN = Click((7, 10, 9), True)


@pytest.fixture(params=[Watershed, RandomWalker, GrowFromSeeds], ids=lambda c: c.name)
def baseline(request):
    if request.param is GrowFromSeeds:
        pytest.importorskip("slicer", reason="slicer-core is not installed")
    made = request.param()
    made.start(labelled_volume()[0], GEOMETRY)
    return made


def test_one_click_finds_a_bright_organ(baseline):
    reference = labelled_volume()[1] == 1
    mask = baseline.add_clicks([ORGAN])
    assert mask.dtype == bool and mask.shape == reference.shape
    assert dice(mask, reference) > 0.75


def test_a_background_click_takes_a_place_away_and_reset_forgets_it(baseline):
    first = baseline.add_clicks([ORGAN])
    assert not baseline.add_clicks([Click((8, 18, 21), False)])[8, 18, 21]
    baseline.reset()
    np.testing.assert_array_equal(baseline.add_clicks([ORGAN]), first)


def test_without_a_foreground_click_the_mask_is_empty(baseline):
    assert not baseline.add_clicks([Click((1, 1, 1), False)]).any()


def test_a_box_restricts_the_mask(baseline):
    mask = baseline.add_box((3, 3, 3), (11, 17, 15))
    assert mask.any() and not mask[:2].any() and not mask[:, 19:].any()


def test_a_constant_region_yields_the_seeds(baseline):
    baseline.start(np.full((9, 9, 9), 5, np.float32), GEOMETRY)
    assert baseline.add_clicks([Click((4, 4, 4), True)]).sum() == 27


def test_a_background_click_on_the_only_foreground_click_empties_the_mask(baseline):
    assert not baseline.add_clicks([ORGAN, Click(ORGAN.position, False)]).any()


def test_a_region_too_large_is_thinned_and_comes_back_at_full_size(baseline, monkeypatch):
    monkeypatch.setattr(type(baseline), "max_voxels", 4000)
    reference = labelled_volume()[1] == 1
    assert dice(baseline.add_clicks([ORGAN]), reference) > 0.6
