from dataclasses import replace

import pytest
import torch
from typer.testing import CliRunner

from Fast3DSAM.Logic.checkpoints import load_model
from Fast3DSAM.Logic.commands import app
from Fast3DSAM.Logic.model import config as configurations
from Fast3DSAM.Logic.model.config import VIT_B
from Fast3DSAM.Logic.model.fast3dsam import Fast3DSAM
from Fast3DSAM.Logic.model.sam_weights import _as_in_sam, sam_names

TINY = replace(VIT_B, width=24, depth=2, heads=2, position_size=8, global_blocks=(1,), neck_hidden=16, neck_width=8)


def run(*arguments):
    return CliRunner().invoke(app, [*map(str, arguments)], prog_name="fast3dsam")


def call(*arguments):
    return run("import-sam", *arguments)


@pytest.fixture
def sam_file(tmp_path, monkeypatch):
    """A file of SAM's format, with few and narrow blocks, where the command expects ViT-B's."""
    monkeypatch.setattr(configurations, "VIT_B", TINY)
    monkeypatch.setitem(configurations.CONFIGS, "vit_b", TINY)
    ours = Fast3DSAM(TINY).image_encoder.state_dict()
    names = sam_names(TINY.depth)
    state = {f"image_encoder.{theirs}": _as_in_sam(theirs, ours[name]).clone() for theirs, name in names.items()}
    torch.save({**state, "mask_decoder.iou_token.weight": torch.zeros(1, 4)}, tmp_path / "sam.pth")
    return tmp_path / "sam.pth"


@pytest.mark.parametrize("options", [(), ("--half",), ("--no-clustering",)])
def test_a_checkpoint_is_written_that_loads(sam_file, tmp_path, options):
    path = tmp_path / "vit_b.pt"
    result = call(sam_file, "-o", path, *options)
    assert result.exit_code == 0, result.output
    assert "is complete" in result.output and "--start" in result.output
    model = load_model(path).model
    assert model.config.clustering == ("--no-clustering" not in options)
    sam = torch.load(sam_file, weights_only=True)
    torch.testing.assert_close(
        model.image_encoder.blocks[0].mlp[0].weight, sam["image_encoder.blocks.0.mlp.lin1.weight"], atol=1e-3, rtol=0
    )


def test_a_partial_file_is_one_line_that_names_what_is_missing(sam_file, tmp_path):
    state = torch.load(sam_file, weights_only=True)
    del state["image_encoder.pos_embed"]
    torch.save({**state, "classifier.weight": torch.zeros(1)}, sam_file)
    result = call(sam_file, "-o", tmp_path / "vit_b.pt")
    assert result.exit_code == 2
    assert "1 missing (image_encoder.pos_embed)" in result.output and "1 foreign (classifier.weight)" in result.output
    assert not (tmp_path / "vit_b.pt").exists()


def test_the_file_itself_is_not_written_over(sam_file):
    before = sam_file.read_bytes()
    result = call(sam_file, "-o", sam_file)
    assert result.exit_code == 2 and sam_file.read_bytes() == before


def test_a_folder_that_does_not_exist_is_named(sam_file, tmp_path):
    result = call(sam_file, "-o", tmp_path / "no" / "where.pt")
    assert result.exit_code == 2 and "cannot be written" in result.output


def train(folder, start, *options):
    (folder / "INDEX.tsv").write_text("name\trole\tregion\n")  # no case: all samples are made up
    return run(
        "train", folder, "--config", "vit_b", "--start", start, "--hours", 1e-6, "--crop", 16, "--images", 1,
        "--targets", 1, "--rounds", 1, "--workers", 0, "--precision", "32-true", "--state", folder / "state.pt",
        "--export", folder / "trained.pt", *options,
    )  # fmt: skip


def test_training_goes_on_from_it_and_leaves_sam_as_it_is(sam_file, tmp_path):
    start = tmp_path / "vit_b.pt"
    assert call(sam_file, "-o", start).exit_code == 0
    result = train(tmp_path, start)
    assert result.exit_code == 0, result.output
    before = torch.load(start, weights_only=True)["weights"]
    after = torch.load(tmp_path / "state.pt", weights_only=True)["model"]
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    block = {name.split(".", 3)[3] for name in changed if name.startswith("image_encoder.blocks.0.")}
    assert "adapter.up.weight" in block and "attn.qkv.up" in block
    assert not {name for name in block if name.startswith(("mlp.", "attn.proj", "attn.qkv.qkv", "attn.rel_pos"))}
    assert not {n for n in changed if n.endswith(("patch_embed.proj.weight", "patch_embed.position"))}
    assert "mask_decoder.mask_token" in changed
    assert (tmp_path / "trained.json").is_file()


def test_training_does_not_start_from_another_configuration(sam_file, tmp_path):
    start = tmp_path / "vit_b.pt"
    assert call(sam_file, "-o", start).exit_code == 0
    result = train(tmp_path, start, "--config", "small")
    assert result.exit_code == 2 and "'small'; choose that with --config" in " ".join(result.output.split())


def test_training_goes_on_without_the_clustering_that_the_start_has(sam_file, tmp_path):
    start = tmp_path / "vit_b.pt"
    assert call(sam_file, "-o", start).exit_code == 0
    assert train(tmp_path, start, "--no-clustering").exit_code == 0
    names = torch.load(tmp_path / "state.pt", weights_only=True)["model"]
    assert names and not any(".clustering." in name for name in names)
