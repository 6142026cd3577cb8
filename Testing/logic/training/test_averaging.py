"""The mean of checkpoints: its weights, its card, and what cannot be averaged."""

import json
from dataclasses import replace

import pytest
import torch

from Fast3DSAM.Logic.checkpoints import file_hash, read_model, save_model
from Fast3DSAM.Logic.errors import CheckpointError
from Fast3DSAM.Logic.model.build import build_model
from Fast3DSAM.Logic.training.averaging import average_weights
from Testing.logic.model.networks import TINY


@pytest.fixture
def checkpoints(tmp_path) -> list:
    paths = [tmp_path / f"{name}.pt" for name in "ab"]
    for seed, path in enumerate(paths):
        torch.manual_seed(seed)
        save_model(build_model(TINY), path)
    return paths


def test_every_weight_is_the_mean_and_one_given_twice_counts_twice(checkpoints, tmp_path):
    first, second = (read_model(path).model.state_dict() for path in checkpoints)
    average_weights([*checkpoints, checkpoints[1]], tmp_path / "mean.pt")
    for name, value in read_model(tmp_path / "mean.pt").model.state_dict().items():
        expected = (first[name] + 2 * second[name]) / 3 if value.is_floating_point() else first[name]
        torch.testing.assert_close(value, expected, rtol=1e-3, atol=1e-3)  # kept in half precision


def test_the_card_names_its_parts_and_how_they_were_trained(checkpoints, tmp_path):
    checkpoints[1].with_suffix(".json").write_text(json.dumps({"training": {"steps": 7}}))
    card = json.loads(average_weights(checkpoints, tmp_path / "mean.pt", {"licence": "CC BY 4.0"}).read_text())
    assert card["sha256"] == file_hash(tmp_path / "mean.pt") and card["licence"] == "CC BY 4.0"
    assert [part["sha256"] for part in card["mean_of"]] == [file_hash(path) for path in checkpoints]
    assert [part["training"] for part in card["mean_of"]] == [None, {"steps": 7}]


def test_checkpoints_of_different_networks_cannot_be_averaged(checkpoints, tmp_path):
    other = tmp_path / "other.pt"
    save_model(build_model(replace(TINY, depth=1)), other)
    with pytest.raises(CheckpointError, match="other.pt has another configuration than a.pt"):
        average_weights([checkpoints[0], other], tmp_path / "mean.pt")
    assert not (tmp_path / "mean.pt").exists()
