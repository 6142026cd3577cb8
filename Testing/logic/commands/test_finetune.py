import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from typer.testing import CliRunner

from Fast3DSAM.Logic.commands import app

FAST = ("--crop", 16, "--workers", 0, "--precision", "32-true")


def call(*arguments):
    return CliRunner().invoke(app, [*map(str, arguments)], prog_name="fast3dsam")


@pytest.fixture(scope="module")
def balls(tmp_path_factory) -> Path:
    """`images` beside `labels`: four balls in noise, one volume without a label."""
    folder = tmp_path_factory.mktemp("balls")
    for kind in ("images", "labels"):
        (folder / kind).mkdir()
    for seed, name in enumerate(("ball1", "ball2", "ball3", "ball4", "blank")):
        rng = np.random.default_rng(seed)
        ball = np.square(np.indices((22, 22, 22)) - rng.uniform(9, 13, 3)[:, None, None, None]).sum(0) < 36
        voxels = (ball * 100 + rng.normal(0, 10, ball.shape)).astype(np.float32)
        sitk.WriteImage(sitk.GetImageFromArray(voxels), str(folder / "images" / f"{name}.nrrd"))
        labels = ball.astype(np.uint8) * (name != "blank")
        sitk.WriteImage(sitk.GetImageFromArray(labels), str(folder / "labels" / f"{name}.nrrd"))
    return folder


def test_a_delta_is_learned_reported_and_used(balls, tiny_weights, tmp_path):
    delta, report = tmp_path / "balls.pt", tmp_path / "balls.json"
    result = call(
        "finetune", balls, "-o", delta, "--weights", tiny_weights, "--unseen", 1, "--steps", 24, "--check-every", 12,
        "--learning-rate", 5e-3, "--report", report, *FAST,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "left out: blank: its label map is empty" in result.output
    assert "2 cases to train on, 1 held out to decide when to stop, 1 unseen" in result.output
    figures = json.loads(report.read_text())
    before, after = figures["held_out"]["mean Dice"]
    assert after > before and f"{before:.3f} -> {after:.3f}" in result.output
    assert sorted(sum(figures["cases"].values(), [])) == ["ball1", "ball2", "ball3", "ball4"]
    volume, mask = balls / "images" / "ball1.nrrd", tmp_path / "mask.nrrd"
    masks = []
    for options in ((), ("--delta", delta)):
        result = call(
            "segment", volume, "--foreground", "11,11,11", "--space", "ijk", "--output", mask, "--device", "cpu",
            "--weights", tiny_weights, *options,
        )  # fmt: skip
        assert result.exit_code == 0, result.output
        masks.append(sitk.GetArrayFromImage(sitk.ReadImage(str(mask))))
    assert not np.array_equal(*masks)


def test_where_nothing_helps_it_says_so_and_writes_no_delta(balls, tiny_weights, tmp_path):
    delta, report = tmp_path / "balls.pt", tmp_path / "balls.json"
    result = call(
        "finetune", balls, "-o", delta, "--weights", tiny_weights, "--steps", 1, "--learning-rate", 0,
        "--report", report, *FAST,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "no file is written" in result.output and not delta.exists()
    assert json.loads(report.read_text())["delta"] is None


def test_cases_of_the_role_test_are_refused(balls, tmp_path):
    result = call("finetune", balls, "-o", tmp_path / "delta.pt", "--role", "test")
    assert result.exit_code == 2 and "measured only" in " ".join(result.output.split())


@pytest.mark.parametrize("options", [("--only", "liver*"), ("--held-out", 3, "--unseen", 3)])
def test_too_few_cases_are_one_line(balls, tiny_weights, tmp_path, options):
    result = call("finetune", balls, "-o", tmp_path / "delta.pt", "--weights", tiny_weights, *options)
    assert result.exit_code == 2 and "too few" in " ".join(result.output.split())


def test_an_output_without_a_folder_is_refused_before_the_training(balls, tmp_path):
    result = call("finetune", balls, "-o", tmp_path / "no" / "delta.pt")
    assert result.exit_code == 2 and "in a folder that exists" in " ".join(result.output.split())
