from __future__ import annotations

import pytest
import torch

from Fast3DSAM.Logic.commands import app
from Fast3DSAM.Logic.released.load import load_released
from Fast3DSAM.Logic.released.published import published_shapes


@pytest.fixture
def published(tmp_path):
    """All published tensors in their shapes; each is one stored number, so that the file is small."""
    content = {
        part: {name: torch.full((1,), 0.5).expand(shape) if shape else torch.zeros(()) for name, shape in names.items()}
        for part, names in published_shapes().items()
    }
    torch.save(content, tmp_path / "best.pth.tar")
    return tmp_path / "best.pth.tar"


def run(*arguments) -> int:
    with pytest.raises(SystemExit) as end:
        app([str(argument) for argument in arguments])
    return end.value.code


def test_import_writes_merged_weights_beside_the_checkpoint(published, capsys):
    assert run("import-released", published) == 0
    written = published.with_name("best_merged.pt")
    assert str(written) in capsys.readouterr().out
    weight = load_released(written).image_encoder.blocks[0].attention.qkv.weight
    written.unlink()
    # 0.5 and, on q and v alone, LoRA: 96 products of 0.5 by 0.5, divided by 96.
    assert [float(part[0, 0]) for part in weight.chunk(3)] == pytest.approx([0.75, 0.5, 0.75])


def test_import_does_not_write_over_the_checkpoint(published, capsys):
    before = published.read_bytes()
    assert run("import-released", published, "--output", published) == 2
    assert "--output" in capsys.readouterr().err and published.read_bytes() == before


def test_import_of_a_foreign_file_is_one_line(tmp_path, capsys):
    path = tmp_path / "other.pt"
    torch.save({"state_dict": {}}, path)
    assert run("import-released", path) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not path.with_name("other_merged.pt").exists()
