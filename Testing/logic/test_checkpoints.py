import hashlib
from dataclasses import replace

import pytest
import torch

from Fast3DSAM.Logic.checkpoints import bundled_weights, file_hash, load_model, save_model
from Fast3DSAM.Logic.errors import CheckpointError
from Fast3DSAM.Logic.model.build import build_model
from Testing.logic.model.networks import TINY, image, network, prompts


def _answer(model):
    return model(image(16), prompts(16))


def test_saving_and_loading_give_the_same_output_bit_for_bit(tmp_path):
    save_model(network(seed=5), tmp_path / "tiny.pt")
    first = load_model(tmp_path / "tiny.pt").model
    second = load_model(tmp_path / "tiny.pt").model
    a, b = _answer(first), _answer(second)
    assert torch.equal(a.logits, b.logits) and torch.equal(a.iou, b.iou)


def test_a_saved_network_answers_as_before_it_was_saved_bit_for_bit(tmp_path):
    """With LoRA at zero, merging it adds exactly nothing, so that not one bit may differ."""
    model = network(seed=5)
    for block in model.image_encoder.blocks:
        block.attn.qkv.up.zero_()
    save_model(model, tmp_path / "tiny.pt")
    expected, found = _answer(model), _answer(load_model(tmp_path / "tiny.pt").model)
    torch.testing.assert_close(found.logits, expected.logits, atol=1e-5, rtol=1e-5)  # another memory layout
    save_model(load_model(tmp_path / "tiny.pt").model, tmp_path / "again.pt")
    content = [torch.load(tmp_path / name, weights_only=True)["weights"] for name in ("tiny.pt", "again.pt")]
    for key, value in content[1].items():
        assert torch.equal(value, content[0][key]), key


def test_half_precision_halves_the_file_and_hardly_moves_the_mask(tmp_path):
    model = network(seed=5)
    save_model(model, tmp_path / "full.pt")
    save_model(model, tmp_path / "half.pt", half=True)
    assert (tmp_path / "half.pt").stat().st_size < 0.7 * (tmp_path / "full.pt").stat().st_size
    full, half = (_answer(load_model(tmp_path / f"{name}.pt").model) for name in ("full", "half"))
    assert (full.logits - half.logits).std() < 0.02 * full.logits.std()
    assert next(load_model(tmp_path / "half.pt").model.parameters()).dtype == torch.float32


def test_a_loaded_network_is_ready_for_inference(tmp_path):
    save_model(network(), tmp_path / "tiny.pt")
    model = load_model(tmp_path / "tiny.pt").model
    assert not model.training and not any(p.requires_grad for p in model.parameters())
    assert model.config == TINY and not any("qkv.up" in name for name, _ in model.named_parameters())


def test_the_fingerprint_is_the_hash_of_the_file(tmp_path):
    save_model(network(), tmp_path / "tiny.pt")
    expected = hashlib.sha256((tmp_path / "tiny.pt").read_bytes()).hexdigest()
    assert load_model(tmp_path / "tiny.pt").fingerprint == file_hash(tmp_path / "tiny.pt") == expected


def _changed(tmp_path, change):
    save_model(build_model(TINY), tmp_path / "tiny.pt")
    content = torch.load(tmp_path / "tiny.pt", weights_only=True)
    change(content)
    torch.save(content, tmp_path / "tiny.pt")
    return tmp_path / "tiny.pt"


CHANGES = {
    "missing": (lambda c: c["weights"].pop("mask_decoder.mask_token"), "1 missing .mask_decoder.mask_token"),
    "foreign": (lambda c: c["weights"].update(surplus=torch.zeros(1)), "1 foreign .surplus"),
    "shape": (lambda c: c["weights"].update({"mask_decoder.mask_token": torch.zeros(1)}), "1 of another shape"),
    "configuration": (lambda c: c.update(config=replace(TINY, depth=3).to_dict()), "missing .*blocks.2"),
    "no configuration": (lambda c: c.pop("config"), "no usable configuration"),
    "bad configuration": (lambda c: c["config"].update(heads=5), "no usable configuration"),
    "newer version": (lambda c: c["config"].update(warp=1), "update Fast3DSAM"),
    "weights of another kind": (lambda c: c.update(weights=[1, 2]), "no usable configuration"),
    "another program's": (lambda c: c.update(format="other"), "not a Fast3DSAM checkpoint"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_checkpoint_that_does_not_fit_says_what_is_wrong(tmp_path, name):
    change, said = CHANGES[name]
    with pytest.raises(CheckpointError, match=said):
        load_model(_changed(tmp_path, change))


def test_a_truncated_checkpoint_is_told_as_damaged(tmp_path):
    save_model(build_model(TINY), tmp_path / "tiny.pt")
    content = (tmp_path / "tiny.pt").read_bytes()
    (tmp_path / "tiny.pt").write_bytes(content[: len(content) // 2])
    with pytest.raises(CheckpointError, match="tiny.pt cannot be read"):
        load_model(tmp_path / "tiny.pt")


def test_a_missing_checkpoint_is_named(tmp_path):
    with pytest.raises(CheckpointError, match="no checkpoint .*nowhere.pt; check the path"):
        load_model(tmp_path / "nowhere.pt")


class Malicious:
    ran = False

    def __reduce__(self):
        return (setattr, (Malicious, "ran", True))


def test_code_in_a_checkpoint_is_never_run(tmp_path):
    torch.save({"format": "fast3dsam", "config": Malicious()}, tmp_path / "evil.pt")
    with pytest.raises(CheckpointError, match="evil.pt cannot be read"):
        load_model(tmp_path / "evil.pt")
    assert not Malicious.ran


def test_the_bundled_weights_are_the_small_network():
    assert bundled_weights().stat().st_size < 20e6
    assert load_model().model.config.name == "small"
