import json

from typer.testing import CliRunner

from Fast3DSAM.Logic.checkpoints import bundled_weights, read_model
from Fast3DSAM.Logic.commands import app


def run(*arguments):
    return CliRunner().invoke(app, [str(a) for a in ("average", *arguments)])


def test_the_mean_of_one_checkpoint_and_itself_is_that_checkpoint(tiny_weights, tmp_path):
    (tmp_path / "card.json").write_text('{"licence": "CC BY 4.0"}')
    output = tmp_path / "new folder" / "mean.pt"
    result = run(tiny_weights, tiny_weights, "--output", output, "--card", tmp_path / "card.json")
    assert result.exit_code == 0, result.output
    before, after = (read_model(path).model.state_dict() for path in (tiny_weights, output))
    assert all((before[name] - after[name]).abs().max() < 1e-2 for name in before)
    assert json.loads(output.with_suffix(".json").read_text())["licence"] == "CC BY 4.0"


def test_checkpoints_of_different_networks_are_refused_in_one_line(tiny_weights, tmp_path):
    result = run(tiny_weights, bundled_weights(), "-o", tmp_path / "mean.pt")
    assert result.exit_code == 2 and "small.pt has another configuration than tiny.pt" in result.output
    assert not (tmp_path / "mean.pt").exists()
