import json

from typer.testing import CliRunner

from Fast3DSAM.Logic.commands import app

ADAPTER = """
import numpy as np
from Fast3DSAM.Logic.geometry import Box

class Cube:
    name = "cube"
    def open(self, voxels): self.shape = voxels.shape
    def reset(self): pass
    def click(self, position, positive):
        return Box((1, 1, 1), (9, 9, 9)), np.ones((8, 8, 8), bool)
    def stages(self): return {"encode 128^3": lambda: None}
"""


def call(*arguments):
    return CliRunner().invoke(app, ["benchmark", *map(str, arguments)], prog_name="fast3dsam")


def test_an_own_model_is_timed_written_and_drawn(tmp_path, monkeypatch):
    (tmp_path / "my_cube.py").write_text(ADAPTER)
    monkeypatch.syspath_prepend(tmp_path)
    figures, picture = tmp_path / "figures.json", tmp_path / "figures.png"
    result = call(
        "--adapter", "my_cube:Cube", "--size", "128x130x132", "--threads", 1, "--threads", 2, "--repeats", 1,
        "--no-scene", "--output", figures, "--picture", picture,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "cube, 1 thread;" in result.output and "cube, 2 threads;" in result.output and "128x130x132" in result.output
    content = json.loads(figures.read_text())
    assert [cost["shape"] for cost in content["costs"]] == [[132, 130, 128]] * 2 and not content["failures"]
    assert content["machine"]["processor"] in " ".join(result.output.split())
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_size_that_is_none_and_an_adapter_that_is_none_are_refused(tmp_path):
    for option in (("--size", "64x64x64"), ("--size", "big"), ("--adapter", "nnunet")):
        result = call(*option)
        assert result.exit_code == 2 and option[1] in " ".join(result.output.split())
    assert call("--output", tmp_path / "no" / "where.json").exit_code == 2
