from __future__ import annotations

import csv
import json
from functools import partial

import numpy as np
import pytest
import torch

from Fast3DSAM.Logic.commands.evaluate import make_segmenters
from Fast3DSAM.Logic.evaluation.baselines import RandomWalker, Watershed
from Fast3DSAM.Logic.evaluation.datasets import find_cases
from Fast3DSAM.Logic.evaluation.evaluate import Settings, evaluate_cases, evaluate_cases_in_processes
from Fast3DSAM.Logic.evaluation.pictures import best_median_worst, draw_curves, draw_sheet
from Fast3DSAM.Logic.evaluation.report import write_csv, write_json


def figures(result):
    return [
        (r.method, r.target.case.id, r.target.value, [(s.clicks, s.dsc, s.nsd) for s in r.steps]) for r in result.rows
    ]


@pytest.fixture
def result(pairs):
    return evaluate_cases(find_cases(pairs).cases, [Watershed(), RandomWalker()])


def test_every_method_has_a_row_for_every_target(result):
    rows = [(row.target.case.id, row.target.value, row.method) for row in result.rows]
    assert rows == [(c, v, m) for c in "ab" for v in (1, 2) for m in ("watershed", "random-walker")]
    assert result.left_out == ("2 labels with fewer voxels than --min-voxels",)
    assert all(len(row.steps) == 5 and 0 <= row.dsc_auc <= 4 for row in result.rows)
    assert result.mean("watershed", lambda row: row.final_dsc).mean > 0.7


def test_a_second_run_gives_the_same_figures(pairs, result):
    assert figures(evaluate_cases(find_cases(pairs).cases, [Watershed(), RandomWalker()])) == figures(result)


def test_processes_give_the_same_figures(pairs, result):
    make = partial(make_segmenters, ["watershed", "random-walker"])
    assert figures(evaluate_cases_in_processes(find_cases(pairs).cases, make, 2)) == figures(result)


def test_rounded_and_exact_network_are_methods_of_their_own(pairs, monkeypatch):
    monkeypatch.setattr("Fast3DSAM.Logic.devices.processor_has_bfloat16", lambda: True)
    names = ["fast3dsam", "fast3dsam-float32"]
    methods = make_segmenters(names, device="cpu")
    assert [method.name for method in methods] == names
    assert [method.session.predictor.precision for method in methods] == [torch.bfloat16, torch.float32]


def test_a_case_that_cannot_be_read_is_named_and_the_others_go_on(pairs):
    (pairs / "images" / "a.nii.gz").write_bytes(b"damaged")
    seen = []
    result = evaluate_cases(find_cases(pairs).cases, [Watershed()], Settings(clicks=1), seen.append)
    assert {row.target.case.id for row in result.rows} == {"b"} and [c.case_id for c in seen] == ["a", "b"]
    assert result.left_out[-1].startswith("case a:")


@pytest.mark.parametrize("wrong", [{"test": "other"}, {"clicks": -1}, {"test": "random", "box": True}])
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(ValueError, match=r"choose|negative|leave"):
        Settings(**wrong)


def test_csv_has_a_row_per_method_and_target(result, tmp_path):
    write_csv(result, tmp_path / "x.csv")
    with open(tmp_path / "x.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(result.rows)
    for written, row in zip(rows, result.rows):
        assert (written["case"], written["method"]) == (row.target.case.id, row.method)
        assert float(written["DSC_AUC"]) == pytest.approx(row.dsc_auc, abs=1e-6)
        assert float(written["DSC_3"]) == pytest.approx(row.steps[2].dsc, abs=1e-6)
        assert written["DSC_box"] == ""


def test_json_holds_settings_summary_and_every_click(result, tmp_path):
    write_json(result, tmp_path / "x.json")
    document = json.loads((tmp_path / "x.json").read_text())
    assert document["settings"]["clicks"] == 5 and document["targets"] == 4
    mean = np.mean([row.dsc_auc for row in result.rows_of("watershed")])
    assert document["summary"]["watershed"]["DSC_AUC"]["mean"] == pytest.approx(mean)
    assert len(document["rows"]) == 8
    click = result.rows[0].steps[0].clicks[0]
    written = document["rows"][0]["steps"][0]["clicks"]
    assert written == [{"position": list(click.position), "positive": True}]


def test_best_median_and_worst_are_of_the_first_method(result):
    chosen = dict(best_median_worst(result))
    dices = sorted(row.final_dsc for row in result.rows_of("watershed"))
    assert chosen["best"].final_dsc == dices[-1] and chosen["worst"].final_dsc == dices[0]
    assert {row.method for row in chosen.values()} == {"watershed"} and len(chosen) == 3


def test_pictures_are_drawn(result, artefacts):
    draw_curves(result, artefacts / "evaluation_test_dice.png")
    draw_sheet(result, artefacts / "evaluation_test_cases.png")
    from matplotlib.image import imread

    for name in ("evaluation_test_dice.png", "evaluation_test_cases.png"):
        picture = imread(artefacts / name)
        assert min(picture.shape[:2]) > 400 and picture[..., :3].std() > 0.05
