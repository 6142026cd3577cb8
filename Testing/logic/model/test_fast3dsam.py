from dataclasses import replace

import numpy as np
import pytest
import torch

from Fast3DSAM.Logic.model.build import build_model
from Fast3DSAM.Logic.prediction import TilePrompts
from Fast3DSAM.Logic.predictor import LocalPredictor
from Testing.logic.model.networks import TINY, image, network, prompts


@pytest.mark.parametrize("tile_size", [16, 24, 32, 40, 64])
def test_any_tile_size_that_the_configuration_allows_works(tile_size):
    model = network(replace(TINY, tile_size=tile_size))
    found = model(image(tile_size), prompts(tile_size))
    assert found.logits.shape == (1, 1, *(tile_size,) * 3) and torch.isfinite(found.logits).all()


def test_the_same_prompts_give_the_same_bits():
    model, embedding = network(), None
    for _ in range(2):
        again = model.decode(model.embed(image()), prompts())
        assert embedding is None or torch.equal(embedding.logits, again.logits)
        embedding = again


def test_a_step_of_training_reaches_every_part():
    torch.manual_seed(0)
    model = build_model(TINY)
    given = prompts(clicks=3)._replace(boxes=torch.tensor([[[3.0, 4, 5], [20, 22, 24]]]))
    for _ in range(2):  # what starts at zero hides what is before it for one step
        model.zero_grad()
        found = model(image(), given)
        (found.logits.square().mean() + found.iou.mean()).backward()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter -= 0.1 * parameter.grad
    assert [n for n, p in model.named_parameters() if not p.grad.abs().sum() > 0] == []


def _on(kind: str) -> None:
    """One tile embedded and decoded on a device, compared with float32 on the CPU."""
    model = network(seed=3)
    voxels = np.random.default_rng(0).standard_normal((32, 32, 32)).astype(np.float32)
    asked = TilePrompts(np.array([[10.0, 12, 14], [20, 4, 9]]), np.array([True, False]))
    answers = []
    for device in ("cpu", kind):
        predictor = LocalPredictor(model, torch.device(device), "")
        embedding = predictor.embed(voxels, np.ones(voxels.shape, bool))
        answers.append(predictor.decode(predictor.unpack(predictor.pack(embedding)), [asked])[0])
    expected, found = answers
    assert found.logits.dtype == np.float32
    np.testing.assert_allclose(found.logits, expected.logits, atol=0.05 * expected.logits.std())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="this computer has no CUDA device")
def test_half_precision_on_cuda_gives_nearly_the_same_mask():
    _on("cuda")


@pytest.mark.skipif(not torch.backends.mps.is_available(), reason="this computer has no Apple GPU")
def test_mps_gives_nearly_the_same_mask():
    _on("mps")


def test_autocast_gives_nearly_the_same_mask():
    """bfloat16 on the CPU goes the way of half precision on CUDA: every cast in the network must hold."""
    model = network(seed=3)
    expected = model(image(), prompts())
    with torch.autocast("cpu", torch.bfloat16):
        found = model(image(), prompts())
    assert found.logits.dtype == torch.float32 and found.iou.dtype == torch.float32
    error = (found.logits - expected.logits).std() / expected.logits.std()
    assert error < 0.15, float(error)
