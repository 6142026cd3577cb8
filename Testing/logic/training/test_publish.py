import hashlib
import json
from dataclasses import asdict

import torch

from Fast3DSAM.Logic.checkpoints import load_model
from Fast3DSAM.Logic.training.publish import publish_weights
from Fast3DSAM.Logic.training.trainer import TrainingPlan
from Testing.logic.model.networks import TINY, image, network, prompts


def _state(path, history=()):
    model, averaged = network(seed=1), network(seed=2)
    state = {
        "config": TINY.to_dict(),
        "plan": asdict(TrainingPlan(hours=2.0)),
        "model": model.state_dict(),
        "ema": averaged.state_dict(),
        "step": 1234,
        "seconds": 7200.0,
        "history": list(history),
    }
    torch.save(state, path)
    return averaged


def test_published_weights_load_and_are_the_averaged_ones(tmp_path):
    averaged = _state(tmp_path / "state.pt")
    publish_weights(tmp_path / "state.pt", tmp_path / "new folder" / "tiny.pt")
    found = load_model(tmp_path / "new folder" / "tiny.pt").model(image(), prompts())
    expected = averaged(image(), prompts())
    assert (found.logits - expected.logits).std() < 0.02 * expected.logits.std()


def test_the_card_names_the_file_by_its_hash_and_tells_how_it_was_trained(tmp_path):
    averaged = _state(tmp_path / "state.pt", [{"step": 50, "dice1": 0.1}, {"step": 1200, "dice1": 0.6}])
    card_path = publish_weights(tmp_path / "state.pt", tmp_path / "tiny.pt", {"licence": "CC BY 4.0"})
    card = json.loads(card_path.read_text())
    assert card_path == tmp_path / "tiny.json"
    assert card["sha256"] == hashlib.sha256((tmp_path / "tiny.pt").read_bytes()).hexdigest()
    assert card["sha256"] == load_model(tmp_path / "tiny.pt").fingerprint
    assert card["parameters"] == sum(p.numel() for p in averaged.parameters()) and card["name"] == "tiny"
    assert card["training"]["steps"] == 1234 and card["training"]["hours"] == 2.0
    assert card["training"]["last"] == {"step": 1200, "dice1": 0.6} and card["licence"] == "CC BY 4.0"
