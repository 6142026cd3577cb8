"""Whatever is deleted, in whatever order: nothing is lost, and the message says what to do."""

import itertools

import numpy as np
import pytest

from Fast3DSAM.Logic.errors import SceneError
from Fast3DSAM.Logic.mrml.volumes import read_volume
from Testing.mrml.conftest import start_case
from Testing.mrml.scene_helpers import add_volume, segment_mask

A, B = (9, 11, 13), (5, 6, 7)
KINDS = ("volume", "segmentation", "foreground", "background")


@pytest.fixture
def clicked(case):
    case.work.place(case.ras(A))
    case.work.place(case.ras(B), positive=False)
    return case


def node_of(case, kind):
    return {
        "volume": case.volume,
        "segmentation": case.work.segmentation_node,
        "foreground": case.work.foreground_node,
        "background": case.work.background_node,
    }[kind]


def test_without_a_volume_the_message_says_so(scene):
    case = start_case(scene)
    case.work.detach()
    with pytest.raises(SceneError, match="no volume to segment yet; choose a volume"):
        case.work.place((0, 0, 0))
    case.work.close()
    with pytest.raises(SceneError, match="closed; start a new one"):
        case.work.undo()


def test_a_deleted_volume_leaves_the_segment_and_another_volume_can_follow(clicked):
    segmentation, id = clicked.work.segmentation_node, clicked.work.active_segment_id
    before = segment_mask(segmentation, id)
    clicked.scene.RemoveNode(clicked.volume)
    for action in (clicked.work.undo, clicked.work.suggest_next_ras, clicked.work.new_segment, clicked.work.clear):
        with pytest.raises(SceneError, match="The volume 'CT' was deleted; choose another volume."):
            action()
    assert not clicked.session.has_volume and not clicked.work.is_attached
    assert np.array_equal(segment_mask(segmentation, id), before)
    clicked.work.set_volume(add_volume(clicked.scene, name="MR"))
    clicked.work.place(clicked.ras(A))
    assert np.array_equal(clicked.mask(), clicked.ball(A))


def test_a_deleted_segmentation_can_be_replaced_without_embedding_again(clicked):
    clicked.scene.RemoveNode(clicked.work.segmentation_node)
    with pytest.raises(SceneError, match="The segmentation 'CT segmentation' was deleted"):
        clicked.work.place(clicked.ras(A))
    assert clicked.session.has_volume
    clicked.work.attach(read_volume(clicked.volume))
    clicked.work.place(clicked.ras(A))
    assert np.array_equal(clicked.mask(), clicked.ball(A))


@pytest.mark.parametrize("kind", ["foreground", "background"])
def test_a_deleted_markups_node_comes_back_with_its_points(clicked, kind):
    clicked.scene.RemoveNode(node_of(clicked, kind))
    assert np.array_equal(clicked.mask(), clicked.ball(A, minus=[B]))
    clicked.work.place(clicked.ras((9, 11, 15)))
    assert np.array_equal(clicked.mask(), clicked.ball(A, (9, 11, 15), minus=[B]))
    assert clicked.work.foreground_node.GetNumberOfControlPoints() == 2
    assert clicked.work.background_node.GetNumberOfControlPoints() == 1
    clicked.work.background_node.AddControlPointWorld(clicked.ras(A))
    assert np.array_equal(clicked.mask(), clicked.ball((9, 11, 15), minus=[A, B]))


def test_the_other_markups_node_still_works_after_one_was_deleted(clicked):
    clicked.scene.RemoveNode(clicked.work.background_node)
    clicked.work.foreground_node.AddControlPointWorld(clicked.ras((9, 11, 15)))
    assert np.array_equal(clicked.mask(), clicked.ball(A, (9, 11, 15), minus=[B]))
    assert clicked.work.background_node.GetNumberOfControlPoints() == 1


def test_the_active_segment_may_be_removed(clicked):
    segmentation = clicked.work.segmentation_node
    segmentation.GetSegmentation().RemoveSegment(clicked.work.active_segment_id)
    assert clicked.work.active_segment_id is None and clicked.work.points() == []
    assert clicked.work.foreground_node.GetNumberOfControlPoints() == 0
    clicked.work.place(clicked.ras(B))
    assert np.array_equal(clicked.mask(), clicked.ball(B))


def test_a_segment_that_slicers_undo_brings_back_has_its_prompts(clicked):
    id = clicked.work.active_segment_id
    clicked.work.history.SaveState()
    clicked.work.segmentation_node.GetSegmentation().RemoveSegment(id)
    clicked.work.history.RestorePreviousState()
    clicked.work.active_segment_id = id
    assert [p.positive for p in clicked.work.points()] == [True, False]
    clicked.work.place(clicked.ras((9, 11, 15)))
    assert np.array_equal(clicked.mask(), clicked.ball(A, (9, 11, 15), minus=[B]))


@pytest.mark.parametrize("order", list(itertools.permutations(KINDS)))
def test_nodes_may_be_deleted_in_any_order(scene, order):
    case = start_case(scene)
    case.work.place(case.ras(A))
    for node in [node_of(case, kind) for kind in order]:
        scene.RemoveNode(node)
        if not case.work.is_attached:
            with pytest.raises(SceneError, match="was deleted"):
                case.work.place((13, 11, 9))
    assert case.errors == []
    case.work.set_volume(add_volume(scene))
    case.work.foreground_node.AddControlPointWorld(case.ras(A))
    assert np.array_equal(case.mask(), case.ball(A))


def test_a_closed_scene_detaches_and_the_next_volume_works(clicked):
    clicked.scene.Clear(False)
    assert not clicked.session.has_volume
    with pytest.raises(SceneError, match="The scene was closed; choose a volume."):
        clicked.work.place((0, 0, 0))
    assert clicked.scene.GetNumberOfNodesByClass("vtkMRMLMarkupsFiducialNode") == 0
    clicked.work.set_volume(add_volume(clicked.scene))
    clicked.work.place(clicked.ras(A))
    assert np.array_equal(clicked.mask(), clicked.ball(A))


def test_closing_the_scene_after_a_node_was_deleted_is_fine(clicked):
    clicked.scene.RemoveNode(clicked.work.foreground_node)
    clicked.scene.Clear(False)
    with pytest.raises(SceneError, match="scene was closed"):
        clicked.work.undo()


def test_closing_twice_is_fine(clicked):
    clicked.work.close()
    clicked.work.close()
    clicked.scene.Clear(False)
