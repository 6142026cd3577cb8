"""The released network behind the session."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from Fast3DSAM.Logic.checkpoints import load_released
from Fast3DSAM.Logic.errors import CheckpointError
from Fast3DSAM.Logic.prediction import TilePrompts
from Fast3DSAM.Logic.released.load import save_compact
from Fast3DSAM.Logic.released.predictor import ReleasedPredictor
from Fast3DSAM.Logic.session import InteractiveSession


class CountingNetwork:
    """The real network, counting the passes that depend on the image alone."""

    def __init__(self, network) -> None:
        self._network, self.image_passes = network, 0

    def eval(self):
        return self

    def image_tokens(self, volume):
        self.image_passes += 1
        return self._network.image_tokens(volume)

    def __getattr__(self, name):
        return getattr(self._network, name)


@pytest.fixture
def voxels():
    return np.random.default_rng(0).normal(0, 100, (40, 48, 44)).astype(np.int16)


def test_a_session_clicks_with_the_released_network_and_embeds_its_tile_once(network, voxels):
    counting = CountingNetwork(network)
    session = InteractiveSession(ReleasedPredictor(counting, "seed 1"))
    session.set_volume(voxels, spacing=(2.0, 2.0, 2.0))
    embedded = counting.image_passes
    first = session.add_box((5, 5, 5), (30, 40, 40))
    assert counting.image_passes == embedded, "the box fits a tile that is already embedded"
    assert first.mask.shape == voxels.shape
    assert 0 <= first.iou <= 1


def test_a_click_equals_the_network_called_by_hand(network, voxels):
    predictor = ReleasedPredictor(network, "seed 1")
    tile = np.random.default_rng(1).normal(0, 1, (128,) * 3).astype(np.float32)
    embedding = predictor.embed(tile, np.ones(tile.shape, bool))
    prompts = TilePrompts(np.array([[64.0, 60, 70], [20, 30, 40]]), np.array([True, False]))
    (prediction,) = predictor.decode(embedding, [prompts])
    features = network.prompt_features(network.click_maps([[64, 60, 70]], [[20, 30, 40]]))
    classes = network.decode(network.embed_tokens(embedding.tokens, features))[0]
    np.testing.assert_allclose(prediction.logits, (classes[1] - classes[0]).numpy(), atol=1e-4)


def test_a_stored_embedding_comes_back(network):
    predictor = ReleasedPredictor(network, "seed 1")
    tile = np.random.default_rng(2).normal(0, 1, (128,) * 3).astype(np.float32)
    embedding = predictor.embed(tile, np.ones(tile.shape, bool))
    again = predictor.unpack(predictor.pack(embedding))
    assert torch.allclose(again.tokens, embedding.tokens, atol=2e-2)
    assert embedding.nbytes == again.nbytes


def test_the_screen_says_that_a_click_is_an_encoder_pass(network):
    assert "encoder pass per click" in ReleasedPredictor(network, "seed 1").device_name


def test_a_session_takes_the_imported_file_like_any_other_weights(network, tmp_path):
    save_compact(network, tmp_path / "released.pt")
    session = InteractiveSession.local(weights=tmp_path / "released.pt")
    assert isinstance(session.predictor, ReleasedPredictor)
    assert type(load_released(tmp_path / "released.pt")) is type(network)


def test_a_delta_for_the_released_network_is_refused(network, tmp_path):
    save_compact(network, tmp_path / "released.pt")
    with pytest.raises(CheckpointError, match="leave the delta out"):
        InteractiveSession.local(weights=tmp_path / "released.pt", delta=tmp_path / "delta.pt")
