"""What product.md lists as bad input: a named error, one sentence with the remedy, and the next click works."""

import re
import threading

import numpy as np
import pytest
import torch

from Fast3DSAM.Logic.devices import choose_device
from Fast3DSAM.Logic.errors import (
    CheckpointError,
    DeviceError,
    EmbeddingCancelled,
    Fast3DSAMError,
    GeometryError,
    InvalidPromptError,
    InvalidVolumeError,
    NotEnoughMemoryError,
)
from Fast3DSAM.Logic.model.build import build_model
from Fast3DSAM.Logic.model.config import ModelConfig
from Fast3DSAM.Logic.predictor import LocalPredictor
from Fast3DSAM.Logic.session import InteractiveSession
from Testing.logic.intensity_predictor import IntensityPredictor
from Testing.logic.volumes import ball, bright, dice

SHAPE = (64, 64, 64)
CENTRE = (30, 30, 30)
TRUTH = ball(SHAPE, CENTRE, 12)


class FailingPredictor(IntensityPredictor):
    """Raises `failure` from `embed` or `decode` once it is armed."""

    failure, place = None, ""

    def embed(self, voxels, inside):
        self._fail("embed")
        return super().embed(voxels, inside)

    def decode(self, embedding, prompts):
        self._fail("decode")
        return super().decode(embedding, prompts)

    def _fail(self, place):
        if self.failure is not None and place == self.place:
            raise self.failure


@pytest.fixture
def session() -> InteractiveSession:
    session = InteractiveSession(FailingPredictor())
    session.set_volume(bright(TRUTH))
    session.add_point(CENTRE)
    return session


def check(session: InteractiveSession, call, kind: type, *said: str) -> None:
    """`call` raises exactly `kind`, in one sentence that says all of `said`; afterwards the next click works."""
    prompts, shown = session.prompts, session.update
    with pytest.raises(Fast3DSAMError) as caught:
        call()
    assert type(caught.value) is kind
    is_one_sentence(str(caught.value))
    for words in said:
        assert words in str(caught.value)
    assert session.shape == SHAPE and session.prompts == prompts and session.update is shown
    assert dice(session.add_point((33, 30, 30)).mask, TRUTH) > 0.9
    assert len(session.undo().mask) and session.prompts == prompts


def is_one_sentence(message: str) -> None:
    assert message[0].isalnum() and message.endswith(".") and "\n" not in message
    assert not re.search(r"[.!?] [A-Z]", message), message
    assert "; " in message or ", " in message, "the remedy follows the finding"


@pytest.mark.parametrize("position", [(-1, 5, 5), (5, 64, 5), (5, 5, 1e9), (-0.6, 0, 0)])
def test_a_point_outside_the_volume(session, position):
    for call in (
        lambda: session.add_point(position),
        lambda: session.preview(position),
        lambda: session.move_point(1, position),
        lambda: session.add_box((1, 1, 1), position),
        lambda: session.add_scribble([(1, 1, 1), position]),
    ):
        check(session, call, InvalidPromptError, "outside the volume", "(64, 64, 64)", "click inside")


@pytest.mark.parametrize("position", [(1, 2), (1, 2, np.nan), "here", None])
def test_a_point_that_is_none(session, position):
    check(session, lambda: session.add_point(position), InvalidPromptError, repr(position))


def _with(value) -> np.ndarray:
    volume = bright(TRUTH)
    volume[3, 4, 5] = value
    return volume


BAD_VOLUMES = {
    "NaN": (_with(np.nan), ("1 voxels", "not finite", "replace")),
    "infinite": (_with(-np.inf), ("1 voxels", "not finite", "replace")),
    "all NaN": (np.full(SHAPE, np.nan), ("262144 voxels", "replace")),
    "constant": (np.full(SHAPE, 7), ("7", "contrast")),
    "one slice thick": (np.random.rand(1, 64, 64), ("1 x 64 x 64", "two slices")),
    "empty": (np.zeros((0, 4, 4)), ("0 x 4 x 4",)),
    "4D": (np.random.rand(5, 16, 16, 16), ("4 dimensions", "(5, 16, 16, 16)", "one 3D frame")),
    "colour": (np.random.rand(16, 16, 16, 3), ("4 dimensions", "one colour channel")),
    "2D": (np.random.rand(16, 16), ("2 dimensions",)),
    "complex": (np.ones(SHAPE, complex), ("complex128", "convert")),
    "words": (np.full((4, 4, 4), "bone"), ("convert",)),
}


@pytest.mark.parametrize("name", BAD_VOLUMES)
def test_a_volume_that_cannot_be_segmented(session, name):
    volume, said = BAD_VOLUMES[name]
    check(session, lambda: session.set_volume(volume), InvalidVolumeError, *said)


@pytest.mark.parametrize("spacing", [(1, 0, 1), (1, -1, 1), (1, 1), (1, np.nan, 1)])
def test_a_spacing_that_is_none(session, spacing):
    check(session, lambda: session.set_volume(bright(TRUTH), spacing), GeometryError, repr(spacing))


def test_an_empty_segmentation_as_the_start(session):
    empty = np.zeros(SHAPE, bool)
    check(session, lambda: session.set_initial_mask(empty), InvalidPromptError, "empty", "click into the object")


def test_a_segmentation_of_another_volume_as_the_start(session):
    other = np.ones((64, 64, 32), bool)
    check(session, lambda: session.set_initial_mask(other), InvalidPromptError, "(64, 64, 32)", "resample")


def test_too_little_memory_while_embedding(session):
    session.predictor.failure, session.predictor.place = MemoryError(), "embed"

    def load():
        try:
            session.set_volume(bright(TRUTH)[::-1])
        finally:
            session.predictor.failure = None

    check(session, load, NotEnoughMemoryError, "64 x 64 x 64", "close other programs")


def test_too_little_memory_while_decoding(session):
    session.predictor.failure, session.predictor.place = MemoryError(), "decode"

    def click():
        try:
            session.add_point((25, 25, 25))
        finally:
            session.predictor.failure = None

    check(session, click, NotEnoughMemoryError, "memory")


@pytest.mark.parametrize("failure", [RuntimeError("CUDA out of memory. Tried to allocate 2 GiB."), MemoryError()])
@pytest.mark.parametrize("part", ["embed", "decode"])
def test_a_device_out_of_memory(part, failure, monkeypatch):
    model = build_model(
        ModelConfig(name="tiny", tile_size=16, width=32, depth=1, heads=2, mlp_ratio=2.0, neck_width=32)
    ).eval()
    session = InteractiveSession(LocalPredictor(model, torch.device("cpu"), "tiny"))
    session.set_volume(bright(TRUTH))
    before = session.add_point(CENTRE)

    def fail(*_):
        raise failure

    with monkeypatch.context() as patch:
        patch.setattr(model, part, fail)
        with pytest.raises(NotEnoughMemoryError) as caught:
            session.set_volume(bright(TRUTH)[::-1]) if part == "embed" else session.add_point((20, 20, 20))
    is_one_sentence(str(caught.value))
    assert "choose the CPU" in str(caught.value) and session.shape == SHAPE and session.update is before
    assert session.add_point((20, 20, 20)).shape == SHAPE and len(session.prompts) == 2


def test_other_failures_of_a_network_are_not_called_lack_of_memory(monkeypatch):
    model = build_model(
        ModelConfig(name="tiny", tile_size=16, width=32, depth=1, heads=2, mlp_ratio=2.0, neck_width=32)
    ).eval()
    predictor = LocalPredictor(model, torch.device("cpu"), "tiny")

    def fail(*_):
        raise RuntimeError("shapes do not fit")

    monkeypatch.setattr(model, "embed", fail)
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        InteractiveSession(predictor).set_volume(bright(TRUTH))


def test_a_cancelled_embedding(session):
    cancel = threading.Event()
    cancel.set()
    call = lambda: session.set_volume(bright(TRUTH)[::-1], cancel=cancel)  # noqa: E731
    check(session, call, EmbeddingCancelled, "cancelled", "load the volume again")


@pytest.mark.parametrize("content", [b"", b"no checkpoint at all", b"PK\x03\x04" + bytes(200)])
def test_a_damaged_checkpoint(tmp_path, content):
    path = tmp_path / "weights.pt"
    path.write_bytes(content)
    with pytest.raises(CheckpointError) as caught:
        InteractiveSession.local(device="cpu", weights=path)
    is_one_sentence(str(caught.value))
    assert "weights.pt" in str(caught.value) and "choose another file" in str(caught.value)


def test_a_foreign_checkpoint(tmp_path):
    path = tmp_path / "resnet.pth"
    torch.save({"conv1.weight": torch.zeros(3)}, path)
    with pytest.raises(CheckpointError) as caught:
        InteractiveSession.local(device="cpu", weights=path)
    is_one_sentence(str(caught.value))
    assert "resnet.pth is not a Fast3DSAM checkpoint" in str(caught.value)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this computer has a GPU")
def test_no_gpu_falls_back_to_the_cpu_and_says_so(caplog):
    assert choose_device("cuda").type == "cpu"
    (record,) = caplog.records
    is_one_sentence(record.getMessage())
    assert "cuda is not available" in record.getMessage() and "uses the CPU" in record.getMessage()


def test_a_device_that_does_not_exist():
    with pytest.raises(DeviceError) as caught:
        choose_device("quantum")
    is_one_sentence(str(caught.value))
    assert "'quantum'" in str(caught.value)
