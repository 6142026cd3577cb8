from typing import Optional

import numpy as np
import pytest
import torch

from Fast3DSAM.Logic.prediction import TilePrompts
from Fast3DSAM.Logic.predictor import LocalPredictor
from Fast3DSAM.Logic.session import InteractiveSession
from Testing.logic.model.networks import network
from Testing.logic.volumes import ball, bright, dice

VOXELS = np.random.default_rng(0).standard_normal((32, 32, 32)).astype(np.float32)
INSIDE = np.ones(VOXELS.shape, bool)
CLICK = TilePrompts(np.array([[10.0, 12, 14]]), np.array([True]))
FULL = TilePrompts(
    np.array([[10.0, 12, 14], [20, 20, 20]]),
    np.array([True, False]),
    np.array([[2.0, 3, 4], [20, 21, 25]]),
    np.full((32, 32, 32), 2, np.float32),
)
NONE = TilePrompts(np.zeros((0, 3)), np.zeros(0, bool))


CLOSE = {torch.float32: 1e-3, torch.bfloat16: 0.1}  # parts of the logits' standard deviation


def tiny(precision: Optional[torch.dtype]) -> LocalPredictor:
    return LocalPredictor(network(), torch.device("cpu"), "tiny", precision)


@pytest.fixture(scope="module", params=[torch.float32, torch.bfloat16], ids=str)
def predictor(request) -> LocalPredictor:
    """On every CPU: where bfloat16 has no instructions it is only slow."""
    return tiny(request.param)


def test_prompt_sets_decoded_together_are_answered_as_alone(predictor):
    embedding = predictor.embed(VOXELS, INSIDE)
    together = predictor.decode(embedding, [CLICK, FULL, NONE])
    for prompts, answer in zip([CLICK, FULL, NONE], together):
        (alone,) = predictor.decode(embedding, [prompts])
        close = CLOSE[predictor.precision] * alone.logits.std()
        np.testing.assert_allclose(answer.logits, alone.logits, rtol=0, atol=close)
        assert answer.iou == pytest.approx(alone.iou, abs=1e-3)
        assert answer.logits.shape == (32, 32, 32) and answer.logits.dtype == np.float32 and 0 <= answer.iou <= 1


def test_answers_are_the_same_bits_every_time(predictor):
    first, second = (predictor.decode(predictor.embed(VOXELS, INSIDE), [FULL])[0] for _ in range(2))
    np.testing.assert_array_equal(first.logits, second.logits)
    assert first.iou == second.iou


def test_rounded_answers_are_close_to_exact_ones():
    exact, rounded = (tiny(precision) for precision in (torch.float32, torch.bfloat16))
    first, second = (p.decode(p.embed(VOXELS, INSIDE), [FULL])[0] for p in (exact, rounded))
    assert 0 < np.abs(first.logits - second.logits).mean() < 0.02 * first.logits.std()
    assert second.iou == pytest.approx(first.iou, abs=0.01)


@pytest.mark.parametrize("has_bfloat16, expected", [(True, torch.bfloat16), (False, torch.float32)])
def test_the_precision_is_what_the_processor_is_made_for(monkeypatch, has_bfloat16, expected):
    monkeypatch.setattr("Fast3DSAM.Logic.devices.processor_has_bfloat16", lambda: has_bfloat16)
    assert tiny(None).precision == expected
    assert tiny(torch.float32).precision == torch.float32


def test_the_answer_does_not_depend_on_the_intensity_scale(predictor):
    first = predictor.decode(predictor.embed(VOXELS, INSIDE), [CLICK])[0]
    second = predictor.decode(predictor.embed(VOXELS * 400 - 1000, INSIDE), [CLICK])[0]
    close = max(0.02, CLOSE[predictor.precision]) * first.logits.std()
    np.testing.assert_allclose(first.logits, second.logits, rtol=0, atol=close)


def test_an_embedding_survives_the_disk_in_half_precision(predictor):
    embedding = predictor.embed(VOXELS, INSIDE)
    arrays = predictor.pack(embedding)
    assert all(array.dtype == np.float16 for array in arrays.values())
    assert sum(array.nbytes for array in arrays.values()) == 2 * sum(tensor.numel() for tensor in embedding)
    unpacked = predictor.unpack(arrays)
    assert [tensor.dtype for tensor in unpacked] == [tensor.dtype for tensor in embedding]
    first, second = (predictor.decode(e, [FULL])[0] for e in (embedding, unpacked))
    close = max(0.02, CLOSE[predictor.precision]) * first.logits.std()
    np.testing.assert_allclose(first.logits, second.logits, rtol=0, atol=close)


def test_an_embedding_of_another_network_is_refused_by_its_names(predictor):
    with pytest.raises((TypeError, KeyError)):
        predictor.unpack({"values": np.zeros(3, np.float16)})


# --- the bundled weights


@pytest.fixture(scope="module")
def trained() -> LocalPredictor:
    return LocalPredictor.load(device="cpu")


SHAPE = (24, 28, 64)  # four tiles on the two coarse levels
LEFT, RIGHT = (12, 14, 16), (11, 14, 48)
LEFT_BALL, RIGHT_BALL = ball(SHAPE, LEFT, 8), ball(SHAPE, RIGHT, 8)


@pytest.fixture(scope="module")
def balls(trained) -> InteractiveSession:
    noise = np.random.default_rng(1).normal(0, 0.15, SHAPE)
    session = InteractiveSession(trained)
    session.set_volume((bright(LEFT_BALL | RIGHT_BALL) + noise).astype(np.float32))
    return session


@pytest.fixture(autouse=True)
def fresh(request):
    yield
    if "balls" in request.fixturenames:
        request.getfixturevalue("balls").reset()


def test_a_click_in_a_bright_ball_in_noise_finds_the_ball(balls):
    assert dice(balls.add_point(LEFT).mask, LEFT_BALL) > 0.7


def test_shifting_the_click_moves_the_mask_to_the_other_ball(balls):
    balls.add_point(LEFT)
    mask = balls.move_point(1, RIGHT).mask
    assert dice(mask, RIGHT_BALL) > 0.7 and dice(mask, LEFT_BALL) < 0.2


def test_a_background_click_in_the_other_ball_keeps_it_out(balls):
    balls.add_point(LEFT)
    mask = balls.add_point(RIGHT, positive=False).mask
    assert dice(mask, LEFT_BALL) > 0.6 and not mask[RIGHT]


def test_a_box_around_a_ball_finds_the_ball(balls):
    lo, hi = np.array(RIGHT) - 8, np.array(RIGHT) + 8
    assert dice(balls.add_box(lo, hi).mask, RIGHT_BALL) > 0.7
