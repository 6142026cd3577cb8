import numpy as np

from Fast3DSAM.Logic.mrml.prompt_store import PROMPTS_TAG, read_tag
from Fast3DSAM.Logic.prompts import MaskPrompt
from Testing.mrml.conftest import start_case
from Testing.mrml.scene_helpers import GRIDS, SHAPE, paint

A, B, C = (9, 11, 13), (5, 6, 7), (12, 15, 20)


def brush():
    mask = np.zeros(SHAPE, bool)
    mask[1:3, 1:4, 1:5] = True
    return mask


def edit_by_hand(case, mask, segment_id=None):
    paint(case.work.segmentation_node, segment_id or case.work.active_segment_id, mask, GRIDS["axis-aligned"])


def test_what_was_painted_by_hand_stays_at_the_next_click(case):
    case.work.place(case.ras(A))
    edit_by_hand(case, case.mask() | brush())
    case.work.place(case.ras(B))
    assert np.array_equal(case.mask(), case.ball(A, B) | brush())
    case.work.undo()
    assert np.array_equal(case.mask(), case.ball(A) | brush())
    case.work.undo()
    assert np.array_equal(case.mask(), case.ball(A))
    assert len(case.work.points()) == 1


def test_undo_takes_back_what_was_painted_and_redo_brings_it_again(case):
    case.work.place(case.ras(A))
    edit_by_hand(case, brush())
    case.work.undo()
    assert np.array_equal(case.mask(), case.ball(A))
    case.work.redo()
    assert np.array_equal(case.mask(), brush())


def test_what_was_erased_by_hand_stays_erased(case):
    case.work.place(case.ras(A))
    edit_by_hand(case, np.zeros(SHAPE, bool))
    case.work.place(case.ras(B))
    assert np.array_equal(case.mask(), case.ball(B))


def test_a_segment_with_content_but_no_prompts_is_the_start(case):
    id = case.work.segmentation_node.GetSegmentation().AddEmptySegment("old", "old")
    edit_by_hand(case, brush(), id)
    case.work.active_segment_id = id
    assert np.array_equal(case.mask(id), brush())
    case.work.place(case.ras(A))
    assert np.array_equal(case.mask(id), case.ball(A) | brush())
    assert isinstance(next(iter(case.session.prompts)), MaskPrompt)
    for _ in range(3):
        case.work.undo()
    assert np.array_equal(case.mask(id), brush())


def test_renaming_and_recolouring_are_no_edit_by_hand(case):
    case.work.place(case.ras(A))
    segment = case.work.segmentation_node.GetSegmentation().GetSegment(case.work.active_segment_id)
    segment.SetName("kidney")
    segment.SetColor(1, 0, 0)
    case.work.place(case.ras(B))
    assert len(case.work.points()) == 2
    assert np.array_equal(case.mask(), case.ball(A, B))


def test_after_slicers_undo_the_earlier_prompts_are_alive(case):
    case.work.place(case.ras(A))
    case.work.place(case.ras(B))
    case.work.history.RestorePreviousState()
    case.work.place(case.ras(C))
    assert np.array_equal(case.mask(), case.ball(A, C))
    assert len(case.work.points()) == 2
    case.work.move_point(case.work.points()[0].id, case.ras(B))
    assert np.array_equal(case.mask(), case.ball(B, C))


def test_a_point_of_before_cannot_be_moved_after_an_edit_by_hand(case):
    node = case.work.foreground_node
    node.AddControlPointWorld(case.ras(A))
    edit_by_hand(case, case.mask() | brush())
    node.SetNthControlPointPositionWorld(0, case.ras(B))
    assert "changed by hand" in case.errors[0]
    assert np.array_equal(case.mask(), case.ball(A) | brush())
    node.AddControlPointWorld(case.ras(C))
    assert np.array_equal(case.mask(), case.ball(A, C) | brush())


def test_prompts_come_back_with_their_segment(case):
    first = case.work.new_segment("first")
    case.work.place(case.ras(A))
    case.work.place(case.ras(B), positive=False)
    second = case.work.new_segment("second")
    assert case.work.points() == []
    assert case.work.foreground_node.GetNumberOfControlPoints() == 0
    case.work.place(case.ras(C))
    case.work.active_segment_id = first
    assert np.allclose([p.position for p in case.work.points()], [case.ras(A), case.ras(B)])
    assert case.work.background_node.GetNumberOfControlPoints() == 1
    case.work.undo()
    assert np.array_equal(case.mask(first), case.ball(A))
    case.work.active_segment_id = second
    assert np.array_equal(case.mask(second), case.ball(C))
    case.work.undo()
    assert not case.mask(second).any()


def test_next_segment_walks_and_then_makes_a_new_one(case):
    first = case.work.new_segment()
    second = case.work.new_segment()
    case.work.active_segment_id = first
    assert case.work.next_segment() == second
    assert case.work.next_segment() == second  # it is still empty
    case.work.place(case.ras(A))
    third = case.work.next_segment()
    assert case.work.segment_ids == [first, second, third]


def test_new_segments_have_names_and_colours_of_their_own(case):
    ids = [case.work.new_segment(), case.work.new_segment("liver"), case.work.new_segment()]
    segments = [case.work.segmentation_node.GetSegmentation().GetSegment(id) for id in ids]
    assert [segment.GetName() for segment in segments] == ["Segment_1", "liver", "Segment_2"]
    assert len({segment.GetColor() for segment in segments}) == 3


def test_a_damaged_tag_is_reported_and_the_segment_kept(case):
    case.work.place(case.ras(A))
    id, node = case.work.active_segment_id, case.work.segmentation_node
    node.GetSegmentation().GetSegment(id).SetTag(PROMPTS_TAG, '{"version": 1, "volume"')
    again = start_case(case.scene, case.volume, node)
    assert "cannot be read" in again.errors[0]
    again.work.place(again.ras(B))
    assert np.array_equal(again.mask(id), again.ball(A, B))


def test_prompts_of_another_volume_are_not_used(case):
    from Testing.mrml.scene_helpers import add_volume

    case.work.place(case.ras(A))
    id, node = case.work.active_segment_id, case.work.segmentation_node
    case.work.close()
    other = start_case(case.scene, add_volume(case.scene, name="MR"), node)
    assert other.work.active_segment_id == id and other.work.points() == []
    other.work.place(other.ras(B))
    assert np.array_equal(other.mask(id), other.ball(A, B))


def test_the_tag_names_volume_and_prompts_without_the_separator(case):
    case.volume.SetName("a|b")
    case.work.place(case.ras(A))
    segment = case.work.segmentation_node.GetSegmentation().GetSegment(case.work.active_segment_id)
    text = read_tag(segment, PROMPTS_TAG)
    assert "|" not in text and case.volume.GetID() in text
