import json

from typer.testing import CliRunner

from Fast3DSAM.Logic.commands import app


def call(*arguments):
    return CliRunner().invoke(app, ["profile", *map(str, arguments)], prog_name="fast3dsam")


def test_a_table_with_every_box_is_shown_and_written(tmp_path):
    path = tmp_path / "profile.json"
    result = call("--config", "small", "--size", 32, "--repeats", 0, "--output", path)
    assert result.exit_code == 0, result.output
    for word in ("token clustering", "mask decoder", "per click", "Token clustering saves", "small, one tile of 32^3"):
        assert word in result.output
    assert "seconds" not in result.output
    with_it, without = json.loads(path.read_text())["networks"]
    assert with_it["clustering"] and not without["clustering"]
    assert without["macs_once"] > with_it["macs_once"] > 0


def test_seconds_are_measured_on_this_machine():
    result = call("--config", "small", "--size", 16, "--repeats", 1)
    assert result.exit_code == 0, result.output
    assert "seconds once" in result.output and "torch" in result.output


def test_the_operators_that_the_seconds_go_to_are_shown(tmp_path):
    path = tmp_path / "profile.json"
    result = call("--config", "small", "--size", 16, "--repeats", 0, "--operators", "--output", path)
    assert result.exit_code == 0, result.output
    assert "small, per click" in result.output and "convolution" in result.output
    for found in json.loads(path.read_text())["operators"]["small"].values():
        times = [operator["milliseconds"] for operator in found]
        assert times == sorted(times, reverse=True) and times[-1] >= 0
        assert 0 < sum(operator["share"] for operator in found) <= 1 + 1e-9


def test_an_unknown_configuration_is_refused():
    result = call("--config", "vit_h")
    assert result.exit_code == 2 and "'vit_h'" in result.output


def test_a_size_that_is_no_multiple_of_a_patch_is_refused():
    result = call("--config", "small", "--size", 30)
    assert result.exit_code == 2 and "multiple of 8" in result.output


def test_a_file_that_cannot_be_written_is_named(tmp_path):
    result = call("--config", "small", "--size", 16, "--repeats", 0, "--output", tmp_path / "no" / "where.json")
    assert result.exit_code == 2 and "choose another --output" in " ".join(result.output.split())


def test_other_settings_of_the_clustering_can_be_tried(tmp_path):
    found = {}
    for window, centres in ((2, 1), (4, 2), (4, 1)):
        path = tmp_path / f"{window}{centres}.json"
        options = ("--window", window, "--centres", centres, "--iterations", 1, "--output", path)
        result = call("--config", "small", "--size", 64, "--repeats", 0, *options)
        assert result.exit_code == 0, result.output
        boxes = {box["name"]: box["macs"] for box in json.loads(path.read_text())["networks"][0]["boxes"]}
        found[window, centres] = boxes["attention"]
    assert found[4, 1] < found[4, 2] == found[2, 1]  # as many super tokens cost as much
    result = call("--config", "small", "--window", 3)
    assert result.exit_code == 2 and "multiple of centres" in " ".join(result.output.split())
