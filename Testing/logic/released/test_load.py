from __future__ import annotations

import json
import pickle
import zipfile
from pathlib import Path

import pytest
import torch

from Fast3DSAM.Logic.errors import CheckpointError
from Fast3DSAM.Logic.released.load import load_released, save_compact
from Fast3DSAM.Logic.released.published import published_shapes

SHAPES = Path(__file__).parents[3].parent / "shared" / "reference" / "released_checkpoint_tensors.json"


def light() -> dict:
    """All published tensors in their shapes; each is one stored zero, so that the file is small."""
    return {
        part: {name: torch.zeros(1).expand(shape) if shape else torch.zeros(()) for name, shape in names.items()}
        for part, names in published_shapes().items()
    }


def saved(content, folder: Path) -> Path:
    torch.save(content, folder / "best.pth.tar")
    return folder / "best.pth.tar"


def complaint(path: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        load_released(path)
    return str(caught.value)


class Runs:
    """What a hostile pickle does: its loading would write a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_names_and_shapes_are_those_of_the_released_file():
    if not SHAPES.is_file():
        pytest.skip("the reference folder with the tensor list is not here")
    listed = {part: {n: tuple(s) for n, s in names.items()} for part, names in json.loads(SHAPES.read_text()).items()}
    assert published_shapes() == listed


def test_a_compact_file_gives_the_same_network(other_network, tmp_path):
    path = tmp_path / "merged.pt"
    save_compact(other_network, path)
    again = load_released(path).state_dict()
    path.unlink()
    assert all(torch.equal(tensor, again[name]) for name, tensor in other_network.state_dict().items())


def test_missing_tensors_are_named(tmp_path):
    content = light()
    del content["encoder_dict"]["blocks.3.attn.qkv.lora_A"]
    text = complaint(saved(content, tmp_path))
    assert "1 tensors are missing (encoder_dict/blocks.3.attn.qkv.lora_A)" in text and "published" in text


def test_a_missing_part_is_named_by_a_few_of_its_tensors(tmp_path):
    content = light()
    del content["decoder_dict"]
    text = complaint(saved(content, tmp_path))
    assert "11 tensors are missing (decoder_dict/conv0.0.weight" in text and "and 8 more" in text


def test_foreign_tensors_are_named(tmp_path):
    content = light()
    content["feature_dict"]["stem.weight"] = torch.zeros(3)
    assert "1 are foreign (feature_dict/stem.weight)" in complaint(saved(content, tmp_path))


def test_a_tensor_of_another_shape_is_named_with_both_shapes(tmp_path):
    content = light()
    content["encoder_dict"]["pos_embed"] = torch.zeros(1, 14, 14, 768)
    assert "pos_embed is (1, 14, 14, 768) instead of (1, 64, 64, 768)" in complaint(saved(content, tmp_path))


def test_values_that_are_not_finite_are_named(tmp_path):
    content = light()
    content["decoder_dict"]["cls.3.bias"] = torch.tensor([0.0, float("nan")])
    assert "not finite (decoder_dict/cls.3.bias)" in complaint(saved(content, tmp_path))


def test_another_networks_checkpoint_is_told_by_its_entries(tmp_path):
    text = complaint(saved({"model_state_dict": {"a": torch.zeros(1)}, "step": 5}, tmp_path))
    assert "model_state_dict, step" in text and "encoder_dict" in text


@pytest.mark.parametrize("content", [torch.zeros(3), [1, 2]], ids=["tensor", "list"])
def test_a_file_without_a_dict_is_refused(tmp_path, content):
    assert "not a dict of tensors" in complaint(saved(content, tmp_path))


def test_a_compact_file_of_a_later_version_is_refused_with_the_remedy(tmp_path):
    text = complaint(saved({"format": "fast3dsam-released", "version": 99, "state": {}}, tmp_path))
    assert "99" in text and "import-released" in text


def test_a_truncated_file_is_refused(tmp_path):
    path = saved(light(), tmp_path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert "damaged" in complaint(path)


def test_a_flipped_byte_is_found_by_its_check_sum(tmp_path):
    content = light()
    content["decoder_dict"]["cls.3.bias"] = torch.tensor([1.5, 2.5])
    path = saved(content, tmp_path)
    data = path.read_bytes()
    place = data.index(torch.tensor([1.5, 2.5]).numpy().tobytes())
    path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
    assert zipfile.is_zipfile(path) and "check sum" in complaint(path)


@pytest.mark.parametrize("zipped", [True, False], ids=["torch.save", "bare pickle"])
def test_code_in_the_file_is_not_run(tmp_path, zipped):
    proof = tmp_path / "ran"
    path = tmp_path / "best.pth.tar"
    if zipped:
        torch.save({**light(), "epoch": Runs(proof)}, path)
    else:
        path.write_bytes(pickle.dumps({"epoch": Runs(proof)}))
    assert "nothing in it was run" in complaint(path)
    assert not proof.exists()


@pytest.mark.parametrize("data", [b"", b"a letter, not a checkpoint"], ids=["empty", "text"])
def test_a_file_of_another_kind_is_refused(tmp_path, data):
    path = tmp_path / "best.pth.tar"
    path.write_bytes(data)
    assert "damaged" in complaint(path)


def test_a_file_that_is_not_there_is_quoted(tmp_path):
    assert "nowhere.pth.tar" in complaint(tmp_path / "nowhere.pth.tar")
