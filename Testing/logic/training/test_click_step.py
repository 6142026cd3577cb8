from dataclasses import replace

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric

from Fast3DSAM.Logic.model.build import build_model
from Fast3DSAM.Logic.training.click_step import ClickStep
from Fast3DSAM.Logic.training.data_engine import DataEngine
from Fast3DSAM.Logic.training.replay import TrainingBatch
from Testing.logic.model.networks import TINY

CONFIG = replace(TINY, tile_size=16, depth=1)
ROUNDS = 3


class Still(torch.optim.SGD):
    """Leaves the weights as they are, so that the gradients can be compared afterwards."""

    def step(self, closure=None):
        return None


def _step(seed: int):
    torch.manual_seed(0)
    fabric = Fabric(accelerator="cpu", devices=1, precision="32-true")
    model, optimizer = fabric.setup(*_with_optimizer())
    for method in ("embed", "decode"):
        model.mark_forward_method(method)
    return ClickStep(fabric, model, [optimizer], np.random.default_rng(seed), ROUNDS), model


def _with_optimizer():
    model = build_model(CONFIG)
    return model, Still(model.parameters(), lr=1.0)


def _batch(first: int) -> TrainingBatch:
    engine = DataEngine(None, 16, targets=2, seed=3)
    samples = [engine[first], engine[first + 1]]
    return TrainingBatch(*(torch.from_numpy(np.stack(parts)) for parts in zip(*samples)))


def _gradients(model) -> torch.Tensor:
    return torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])


def test_a_step_goes_by_the_mean_of_its_batches_gradients(monkeypatch):
    # The norm of gradients is clipped once, of all together; here nothing is clipped, so that they can be compared.
    monkeypatch.setattr(Fabric, "clip_gradients", lambda *_, **__: None)
    together, model = _step(seed=5)
    record = together([_batch(0), _batch(2)], rate=0.1)
    found = _gradients(model)

    alone, model = _step(seed=5)
    last_rounds = [int(alone._rng.integers(1, ROUNDS)) for _ in range(2)]  # drawn before any click
    expected, losses = torch.zeros_like(found), []
    for first, last in zip((0, 2), last_rounds):
        model.zero_grad(set_to_none=True)
        loss, _ = alone._learnt(_batch(first), last)
        loss.backward()
        expected += _gradients(model) / 2
        losses.append(float(loss.detach()))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)
    assert float(found.abs().max()) > 1e-3
    assert record["loss"] == pytest.approx(np.mean(losses), rel=1e-5)
