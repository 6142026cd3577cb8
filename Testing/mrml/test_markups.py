import numpy as np

from Testing.mrml.conftest import start_case
from Testing.mrml.scene_helpers import add_transform, affine

A, B = (9, 11, 13), (5, 6, 7)
OUTSIDE = (500.0, 0.0, 0.0)


def positions(node):
    return [tuple(np.round(node.GetNthControlPointPositionWorld(n), 6)) for n in range(node.GetNumberOfControlPoints())]


def test_placed_points_fill_the_segment(case):
    case.work.foreground_node.AddControlPointWorld(case.ras(A))
    case.work.background_node.AddControlPointWorld(case.ras((9, 11, 15)))
    assert np.array_equal(case.mask(), case.ball(A, minus=[(9, 11, 15)]))
    assert len(case.updates) == 2 and case.errors == []


def test_a_point_under_the_cursor_is_no_prompt_until_it_is_placed(case):
    node = case.work.foreground_node
    index = node.AddControlPointWorld(case.ras(B))
    node.SetNthControlPointPositionWorld(index, case.ras(B), node.PositionPreview)
    assert case.work.points() == []
    node.SetNthControlPointPositionWorld(index, case.ras(A), node.PositionPreview)
    assert case.work.points() == [] and node.GetNumberOfControlPoints() == 1
    node.SetNthControlPointPositionWorld(index, case.ras(A), node.PositionDefined)
    assert len(case.work.points()) == 1
    assert np.array_equal(case.mask(), case.ball(A))


def test_a_moved_point_moves_the_mask(case):
    case.work.foreground_node.AddControlPointWorld(case.ras(A))
    case.work.foreground_node.SetNthControlPointPositionWorld(0, case.ras(B))
    assert np.array_equal(case.mask(), case.ball(B))
    case.work.undo()
    assert np.array_equal(case.mask(), case.ball(A))


def test_a_drag_is_followed_and_is_one_step(case):
    node = case.work.foreground_node
    node.AddControlPointWorld(case.ras(A))
    saved = case.work.history.GetNumberOfStates()
    node.InvokeEvent(node.PointStartInteractionEvent)
    for k in (8, 7, 6):
        node.SetNthControlPointPositionWorld(0, case.ras((k, 11, 13)))
        assert np.array_equal(case.mask(), case.ball((k, 11, 13)))
    node.InvokeEvent(node.PointEndInteractionEvent)
    assert case.work.history.GetNumberOfStates() == saved + 1
    node.SetNthControlPointPositionWorld(0, case.ras(B))
    case.work.undo()
    assert np.array_equal(case.mask(), case.ball((6, 11, 13)))
    case.work.undo()
    assert np.array_equal(case.mask(), case.ball(A))
    assert positions(node) == [case.ras(A)]


def test_a_drag_out_of_the_volume_stops_at_the_last_good_place_and_complains_once(case):
    node = case.work.foreground_node
    node.AddControlPointWorld(case.ras(A))
    node.InvokeEvent(node.PointStartInteractionEvent)
    node.SetNthControlPointPositionWorld(0, case.ras(B))
    node.SetNthControlPointPositionWorld(0, OUTSIDE)
    node.SetNthControlPointPositionWorld(0, (600.0, 0.0, 0.0))
    node.InvokeEvent(node.PointEndInteractionEvent)
    assert positions(node) == [case.ras(B)]
    assert len(case.errors) == 1 and "outside" in case.errors[0]
    assert np.array_equal(case.mask(), case.ball(B))
    case.work.undo()
    assert np.array_equal(case.mask(), case.ball(A))


def test_a_deleted_point_leaves_the_mask(case):
    node = case.work.foreground_node
    node.AddControlPointWorld(case.ras(A))
    node.AddControlPointWorld(case.ras(B))
    node.RemoveNthControlPoint(0)
    assert np.array_equal(case.mask(), case.ball(B))
    case.work.undo()
    assert np.array_equal(case.mask(), case.ball(A, B))
    assert sorted(positions(node)) == sorted([case.ras(A), case.ras(B)])


def test_deleting_all_points_is_one_step(case):
    node = case.work.foreground_node
    node.AddControlPointWorld(case.ras(A))
    node.AddControlPointWorld(case.ras(B))
    node.RemoveAllControlPoints()
    assert not case.mask().any()
    case.work.undo()
    assert np.array_equal(case.mask(), case.ball(A, B))


def test_an_unset_point_is_no_prompt_and_returns_when_it_is_restored(case):
    node = case.work.foreground_node
    node.AddControlPointWorld(case.ras(A))
    node.UnsetNthControlPointPosition(0)
    assert not case.mask().any()
    node.RestoreNthControlPointPosition(0)
    assert np.array_equal(case.mask(), case.ball(A))
    assert len(case.work.points()) == 1


def test_a_point_outside_is_taken_away_and_the_next_click_works(case):
    node = case.work.foreground_node
    node.AddControlPointWorld(OUTSIDE)
    assert len(case.errors) == 1 and "outside" in case.errors[0]
    assert node.GetNumberOfControlPoints() == 0
    node.AddControlPointWorld(case.ras(A))
    assert np.array_equal(case.mask(), case.ball(A))


def test_points_keep_their_prompts_when_their_order_changes(case):
    node = case.work.foreground_node
    node.AddControlPointWorld(case.ras(A))
    node.AddControlPointWorld(case.ras(B))
    ids = [point.id for point in case.work.points()]
    node.SwapControlPoints(0, 1)
    node.SetNthControlPointPositionWorld(0, case.ras((5, 6, 9)))
    assert [point.id for point in case.work.points()] == ids
    assert np.array_equal(case.mask(), case.ball(A, (5, 6, 9)))


def test_points_under_a_transform_count_where_they_are_in_the_world(case):
    node = case.work.foreground_node
    node.SetAndObserveTransformNodeID(add_transform(case.scene, affine(origin=(0, 0, 5))).GetID())
    node.AddControlPoint(np.subtract(case.ras(A), (0, 0, 5)))
    assert np.array_equal(case.mask(), case.ball(A))
    case.work.place(case.ras(B))
    assert np.allclose(node.GetNthControlPointPositionWorld(1), case.ras(B))


def test_a_prompt_by_method_shows_as_a_point(case):
    case.work.place(case.ras(A))
    case.work.place(case.ras(B), positive=False)
    assert positions(case.work.foreground_node) == [case.ras(A)]
    assert positions(case.work.background_node) == [case.ras(B)]
    case.work.flip_point(case.work.points()[1].id)
    assert positions(case.work.foreground_node) == [case.ras(A), case.ras(B)]
    assert positions(case.work.background_node) == []


def test_points_placed_before_the_start_count_as_clicks(scene):
    node = scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "Mine")
    node.AddControlPointWorld(A[::-1])
    node.AddControlPointWorld(B[::-1])
    case = start_case(scene, foreground=node)
    assert np.array_equal(case.mask(), case.ball(A, B))
    assert case.work.foreground_node is node


def test_the_points_of_one_volume_are_no_clicks_in_the_next(scene):
    from Testing.mrml.scene_helpers import add_volume

    case = start_case(scene)
    case.work.place(case.ras(A))
    first = case.work.segmentation_node
    case.work.set_volume(add_volume(scene, name="MR"))
    assert case.work.points() == [] and case.work.segment_ids == []
    assert case.work.foreground_node.GetNumberOfControlPoints() == 0
    case.work.set_volume(case.volume, first)
    assert positions(case.work.foreground_node) == [case.ras(A)]


def test_after_close_a_point_changes_nothing(case):
    case.work.place(case.ras(A))
    segmentation, id = case.work.segmentation_node, case.work.active_segment_id
    before = segmentation.GetMTime()
    node = case.work.foreground_node
    case.work.close()
    node.AddControlPointWorld(case.ras(B))
    from Testing.mrml.scene_helpers import segment_mask

    assert np.array_equal(segment_mask(segmentation, id), case.ball(A))
    assert segmentation.GetMTime() == before and len(case.updates) == 1
