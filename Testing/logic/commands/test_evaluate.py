from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from Fast3DSAM.Logic.commands import app
from Testing.logic.evaluation.conftest import pairs  # noqa: F401


def run(*arguments):
    return CliRunner().invoke(app, ["evaluate", *map(str, arguments)])


def test_a_folder_is_evaluated_into_table_json_csv_and_pictures(pairs, tmp_path):  # noqa: F811
    output = tmp_path / "out"
    shown = run(pairs, "--method", "watershed", "--test", "protocol", "--test", "random", "--output", output)
    assert shown.exit_code == 0, shown.output
    assert "DSC_AUC" in shown.output and "fewer voxels than --min-voxels" in shown.output
    endings = (".csv", ".json", "_cases.png", "_dice.png")
    assert sorted(p.name for p in output.iterdir()) == [f"{t}{e}" for t in ("protocol", "random") for e in endings]
    assert json.loads((output / "protocol.json").read_text())["methods"] == ["watershed"]


def test_a_limit_is_reported(pairs, tmp_path):  # noqa: F811
    shown = run(pairs, "--method", "watershed", "--clicks", 1, "--limit", 1, "--output", tmp_path / "out")
    assert shown.exit_code == 0 and "1 cases beyond --limit" in shown.output


@pytest.mark.parametrize("arguments", [["--box", "--test", "random"], ["--role", "val"], ["--split", "x", "--jobs", 0]])
def test_what_does_not_fit_ends_with_a_message(pairs, arguments, tmp_path):  # noqa: F811
    shown = run(pairs, *arguments, "--output", tmp_path / "out")
    assert shown.exit_code == 2 and "Traceback" not in shown.output
    assert not (tmp_path / "out").exists()
