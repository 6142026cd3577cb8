"""The session and its volume: setting it, its cost, its cache; prompts are in test_session.py."""

import threading

import numpy as np
import pytest

from Fast3DSAM.Logic.errors import EmbeddingCancelled, InvalidPromptError
from Fast3DSAM.Logic.geometry import VolumeGeometry
from Fast3DSAM.Logic.session import InteractiveSession
from Testing.logic.intensity_predictor import IntensityPredictor
from Testing.logic.volumes import ball, bright, dice

SHAPE = (72, 72, 72)
LEFT, RIGHT = (36, 36, 18), (36, 36, 54)
TWINS = [ball(SHAPE, centre, 11) for centre in (LEFT, RIGHT)]


@pytest.fixture
def session() -> InteractiveSession:
    session = InteractiveSession(IntensityPredictor())
    session.set_volume(bright(*TWINS))
    return session


def test_the_level_on_screen_follows_the_object():
    session = InteractiveSession(IntensityPredictor())
    small, large = ball((160,) * 3, (20, 20, 20), 5), ball((160,) * 3, (95, 95, 95), 60)
    session.set_volume(bright(small, large))
    assert session.level is None
    session.add_point((95, 95, 95))
    coarse = session.level
    session.reset()
    session.add_point((20, 20, 20))
    fine = session.level
    assert coarse == (0, 5.0) and fine[0] > 1 and fine[1] < 2


@pytest.mark.parametrize(
    ("shape", "spacing"), [((24, 96, 96), (4, 1, 1)), ((96, 80, 20), (0.8, 1, 5)), ((90, 30, 90), (1, 3, 1))]
)
def test_masks_of_anisotropic_volumes_cover_the_object(shape, spacing):
    centre = tuple(n // 2 - 3 for n in shape)
    truth = ball(shape, centre, 16, spacing)
    session = InteractiveSession(IntensityPredictor())
    session.set_volume(bright(truth), spacing)
    assert dice(session.add_point(centre).mask, truth) > 0.9


def test_a_geometry_may_be_given_instead_of_a_spacing():
    matrix = np.array([[0, 0, -3.0, 7], [0.8, 0, 0, 5], [0, 1.2, 0, 0], [0, 0, 0, 1]])
    session = InteractiveSession(IntensityPredictor())
    truth = ball((20, 60, 60), (10, 30, 30), 15, (3, 1.2, 0.8))
    session.set_volume(bright(truth), geometry=VolumeGeometry(matrix))
    assert session.geometry.spacing == pytest.approx((3, 1.2, 0.8))
    assert dice(session.add_point((10, 30, 30)).mask, truth) > 0.9


def _clicks_cost(edge: int) -> dict:
    """What two clicks on the same small ball cost in a volume of `edge`^3 voxels."""
    predictor = IntensityPredictor()
    session = InteractiveSession(predictor)
    truth = ball((edge,) * 3, (40, 40, 40), 7)
    session.set_volume(bright(truth))
    embedded, decoded = predictor.embedded, predictor.decoded
    first = session.add_point((40, 40, 40))
    levels = predictor.decoded - decoded
    decoded = predictor.decoded
    second = session.add_point((42, 40, 40))
    assert dice(second.mask, truth) > 0.9
    return {
        "decodes of the first click per level": levels / (1 + np.ceil(np.log2(edge / 32 / 0.71))),
        "decodes of the second click": predictor.decoded - decoded,
        "tiles embedded by clicks": predictor.embedded - embedded,
        "voxels written": max(first.box_mask.size, second.box_mask.size),
    }


def test_the_cost_of_a_click_does_not_grow_with_the_volume():
    small, large = _clicks_cost(64), _clicks_cost(256)
    assert large["decodes of the first click per level"] <= small["decodes of the first click per level"]
    assert large["decodes of the second click"] <= small["decodes of the second click"] <= 9  # one, and eight to refine
    assert large["tiles embedded by clicks"] <= small["tiles embedded by clicks"] + 2  # one per further level
    assert large["voxels written"] <= 1.3 * small["voxels written"]


def test_further_clicks_on_an_object_embed_nothing(session):
    session.add_point(LEFT)
    embedded = session.predictor.embedded
    for offset in range(1, 6):
        session.add_point((36 + offset, 36, 18))
        session.add_point((2, 2, 2 + offset), positive=False)
    assert session.predictor.embedded == embedded


def test_progress_runs_from_0_to_1(session):
    heard = []
    session.set_volume(bright(*TWINS), progress=lambda share, message: heard.append((share, message)))
    shares = [share for share, _ in heard]
    assert shares == sorted(shares) and shares[0] == 0 and shares[-1] == 1
    assert all(message for _, message in heard) and len(heard) > 3


def test_coarse_levels_are_embedded_with_the_volume():
    predictor = IntensityPredictor()
    session = InteractiveSession(predictor)
    seconds = session.set_volume(bright(*TWINS))
    assert predictor.embedded == 1 + 27 and predictor.decoded == 0 and seconds > 0


def test_the_same_volume_again_embeds_nothing(session):
    embedded = session.predictor.embedded
    session.clear_volume()
    assert not session.has_volume
    session.set_volume(bright(*TWINS))
    assert session.predictor.embedded == embedded


def test_embeddings_on_disk_serve_the_next_session(tmp_path):
    masks, counts = [], []
    for _ in range(2):
        session = InteractiveSession(IntensityPredictor(), cache_dir=tmp_path)
        session.set_volume(bright(*TWINS))
        masks.append(session.add_point(LEFT).mask)
        counts.append(session.predictor.embedded)
    assert counts[0] > 28 and counts[1] == 0
    np.testing.assert_array_equal(*masks)


def test_a_damaged_file_on_disk_is_embedded_again(tmp_path):
    first = InteractiveSession(IntensityPredictor(), cache_dir=tmp_path)
    first.set_volume(bright(*TWINS))
    expected = first.add_point(LEFT).mask
    damaged = sorted(tmp_path.rglob("*.npz"))[:3]
    for path in damaged:
        path.write_bytes(path.read_bytes()[:100])
    second = InteractiveSession(IntensityPredictor(), cache_dir=tmp_path)
    second.set_volume(bright(*TWINS))
    np.testing.assert_array_equal(second.add_point(LEFT).mask, expected)
    assert second.predictor.embedded == len(damaged)


def test_a_small_cache_changes_no_mask(session):
    tiny = InteractiveSession(IntensityPredictor(), cache_bytes=1)
    tiny.set_volume(bright(*TWINS))
    for centre in (LEFT, RIGHT):
        np.testing.assert_array_equal(tiny.add_point(centre).mask, session.add_point(centre).mask)


def test_a_cancelled_volume_leaves_the_previous_one_and_its_prompts(session):
    mask = session.add_point(LEFT).mask
    cancel = threading.Event()

    def cancel_midway(share, message):
        if share > 0.3:
            cancel.set()

    embedded = session.predictor.embedded
    with pytest.raises(EmbeddingCancelled):
        session.set_volume(np.pad(bright(*TWINS), 10), progress=cancel_midway, cancel=cancel)
    assert 0 < session.predictor.embedded - embedded < 28
    assert session.shape == SHAPE and len(session.prompts) == 1
    np.testing.assert_array_equal(session.add_point((37, 36, 18)).mask[TWINS[0]], mask[TWINS[0]])


def test_a_new_volume_starts_without_prompts(session):
    session.add_point(LEFT)
    session.set_volume(bright(*TWINS)[:, ::-1])
    assert len(session.prompts) == 0 and not session.history.can_undo and session.update is None


def _in_a_large_volume():
    session = InteractiveSession(IntensityPredictor())
    session.set_volume(bright(ball((160,) * 3, (20, 20, 20), 5)))
    return session, session.predictor.embedded


def test_what_was_embedded_ahead_of_the_cursor_a_click_need_not_embed():
    session, before = _in_a_large_volume()
    ahead = session.embed_ahead((20, 20, 20))
    assert ahead > 0 and session.predictor.embedded == before + ahead
    assert session.embed_ahead((20, 20, 20)) == 0
    assert not session.history.can_undo and session.update is None
    session.add_point((20, 20, 20))
    assert session.predictor.embedded == before + ahead


def test_embedding_ahead_ends_after_the_tile_in_hand_when_it_is_cancelled():
    cancel = threading.Event()
    session, _ = _in_a_large_volume()
    assert session.embed_ahead((20, 20, 20), cancel) > 1

    session, before = _in_a_large_volume()
    embed = session.predictor.embed

    def embed_and_cancel(*tile):
        cancel.set()
        return embed(*tile)

    session.predictor.embed = embed_and_cancel
    assert session.embed_ahead((20, 20, 20), cancel) == 1 and session.predictor.embedded == before + 1
    assert session.embed_ahead((20, 20, 20), cancel) == 0


def test_embedding_ahead_of_a_cursor_outside_the_volume_is_an_error_as_a_click_there():
    session, _ = _in_a_large_volume()
    with pytest.raises(InvalidPromptError, match="outside the volume"):
        session.embed_ahead((20, 20, 900))
