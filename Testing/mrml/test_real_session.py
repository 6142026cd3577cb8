"""The bridge with the session of the product: tiles, levels and cache included."""

import threading

import numpy as np
import pytest

from Fast3DSAM.Logic.errors import EmbeddingCancelled
from Fast3DSAM.Logic.mrml.scene_session import SceneSession
from Fast3DSAM.Logic.prediction import TilePrediction
from Fast3DSAM.Logic.session import InteractiveSession
from Testing.mrml.scene_helpers import GRIDS, SHAPE, add_transform, add_volume, affine, paint, rotation, segment_mask


class BallPredictor:
    """A network's place, taken by arithmetic: 6 voxels of the tile around foreground points, less 6 around others."""

    tile_size = 32
    fingerprint = "balls"
    device_name = "cpu"

    def embed(self, voxels, inside):
        return np.zeros(1)

    def decode(self, embedding, prompts):
        centres = np.stack(np.indices((self.tile_size,) * 3), axis=-1)

        def one(given):
            score = np.full((self.tile_size,) * 3, -4.0, np.float32)
            for wanted in (True, False):
                for point in np.asarray(given.points)[np.asarray(given.positive) == wanted]:
                    near = ((centres - point) ** 2).sum(axis=-1) < 36
                    score[near] = 4.0 if wanted else -4.0
            return TilePrediction(score, 0.8)

        return tuple(one(given) for given in prompts)

    def pack(self, embedding):
        return {"nothing": embedding}

    def unpack(self, arrays):
        return arrays["nothing"]


@pytest.fixture
def work(scene):
    volume = add_volume(scene, GRIDS["oblique left-handed"])
    volume.SetAndObserveTransformNodeID(add_transform(scene, affine(rotation((1, 0, 1), 12), origin=(4, 5, 6))).GetID())
    work = SceneSession(scene, InteractiveSession(BallPredictor()), on_error=pytest.fail)
    work.set_volume(volume)
    yield work
    work.close()


def ras(work, kji):
    return tuple(work.session.geometry.kji_to_ras(kji))


def test_segments_are_what_the_session_says(work):
    node = work.foreground_node
    node.AddControlPointWorld(ras(work, (8, 10, 12)))
    first = work.active_segment_id
    assert segment_mask(work.segmentation_node, first)[8, 10, 12]
    work.background_node.AddControlPointWorld(ras(work, (8, 10, 20)))
    assert np.array_equal(segment_mask(work.segmentation_node, first), work.session.update.mask)
    node.SetNthControlPointPositionWorld(0, ras(work, (10, 12, 10)))
    moved = segment_mask(work.segmentation_node, first)
    assert np.array_equal(moved, work.session.update.mask) and moved[10, 12, 10]
    work.undo()
    assert np.array_equal(segment_mask(work.segmentation_node, first), work.session.update.mask)
    work.redo()
    assert np.array_equal(segment_mask(work.segmentation_node, first), moved)

    second = work.next_segment()
    work.place(ras(work, (10, 12, 15)))
    own = segment_mask(work.segmentation_node, second)
    assert own.any() and np.array_equal(own, work.session.update.mask & ~moved)
    assert np.array_equal(segment_mask(work.segmentation_node, first), moved)
    assert len(work.suggest_next_ras()) == 3
    work.preview_ras(ras(work, (3, 3, 3)))
    assert np.array_equal(segment_mask(work.segmentation_node, second), own)

    work.active_segment_id = first
    assert [p.positive for p in work.points()] == [True, False]
    work.flip_point(work.points()[1].id)
    assert np.array_equal(segment_mask(work.segmentation_node, first), work.session.update.mask & ~own)
    assert np.array_equal(segment_mask(work.segmentation_node, second), own)


def test_a_point_dragged_onto_the_border_s_outer_half_voxel_rests_on_the_border_and_is_one_step(work):
    """The session takes such a place for the border voxel's middle, so the point has to go there."""
    node = work.foreground_node
    node.AddControlPointWorld(ras(work, (8, 10, 12)))
    node.InvokeEvent(node.PointStartInteractionEvent)
    node.SetNthControlPointPositionWorld(0, ras(work, (3, 10, 12)))
    node.SetNthControlPointPositionWorld(0, ras(work, (-0.3, 10, 12)))
    node.InvokeEvent(node.PointEndInteractionEvent)
    assert np.allclose(work.points()[0].position, ras(work, (0, 10, 12)), atol=1e-3)
    assert np.allclose(node.GetNthControlPointPositionWorld(0), ras(work, (0, 10, 12)), atol=1e-3)
    work.undo()
    assert np.allclose(node.GetNthControlPointPositionWorld(0), ras(work, (8, 10, 12)), atol=1e-3)


def test_an_edit_by_hand_is_what_the_session_starts_from(work):
    work.place(ras(work, (8, 10, 12)))
    id = work.active_segment_id
    by_hand = np.zeros(SHAPE, bool)
    by_hand[2:5, 2:5, 2:5] = True
    paint(work.segmentation_node, id, by_hand, GRIDS["oblique left-handed"])
    work.undo()
    assert segment_mask(work.segmentation_node, id)[8, 10, 12]
    work.redo()
    assert np.array_equal(segment_mask(work.segmentation_node, id), by_hand)


def test_a_cancelled_embedding_leaves_the_earlier_volume_at_work(work, scene):
    work.place(ras(work, (8, 10, 12)))
    before, id = work.volume_node, work.active_segment_id
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(EmbeddingCancelled):
        work.set_volume(add_volume(scene, name="MR"), cancel=cancel)
    assert work.volume_node is before and work.active_segment_id == id
    work.undo()
    assert not segment_mask(work.segmentation_node, id).any()
