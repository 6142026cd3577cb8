import numpy as np
import pytest
import slicer

from Fast3DSAM.Logic.errors import Fast3DSAMError, GeometryError, InvalidPromptError, SceneError
from Fast3DSAM.Logic.mrml.scene_session import SceneSession
from Testing.mrml.ball_session import BallSession
from Testing.mrml.conftest import start_case
from Testing.mrml.scene_helpers import GRIDS, SHAPE, add_transform, add_volume, affine, rotation

A, B = (9, 11, 13), (5, 6, 7)
MOVE = affine(rotation((2, 1, 0), 25), origin=(30, -20, 10))


def test_a_click_fills_a_new_segment(case):
    update = case.work.place(case.ras(A))
    assert np.array_equal(case.mask(), case.ball(A))
    assert case.updates == [update]
    assert case.work.segment_ids == [case.work.active_segment_id]


@pytest.mark.parametrize("name", GRIDS)
@pytest.mark.parametrize("moved", ["still", "volume moved", "segmentation moved", "both moved"])
def test_the_segment_lies_where_the_click_was(scene, name, moved):
    volume = add_volume(scene, GRIDS[name])
    segmentation = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Organs")
    if moved in ("volume moved", "both moved"):
        volume.SetAndObserveTransformNodeID(add_transform(scene, MOVE).GetID())
    if moved in ("segmentation moved", "both moved"):
        segmentation.SetAndObserveTransformNodeID(add_transform(scene, np.linalg.inv(MOVE)).GetID())
    case = start_case(scene, volume, segmentation)
    world = MOVE @ GRIDS[name] if moved in ("volume moved", "both moved") else GRIDS[name]
    click = (world @ (*A[::-1], 1))[:3]
    case.work.place(click)
    assert np.array_equal(case.mask(), case.ball(A))
    centre = segmentation.GetSegmentCenterRAS(case.work.active_segment_id)
    assert np.allclose(centre, click, atol=1e-6)


def test_a_new_segmentation_follows_the_transform_of_its_volume(scene):
    volume = add_volume(scene)
    transform = add_transform(scene, MOVE)
    volume.SetAndObserveTransformNodeID(transform.GetID())
    case = start_case(scene, volume)
    assert case.work.segmentation_node.GetParentTransformNode() is transform
    assert "0;0;0;1;0;25;0;21;0;17;" in case.work.segmentation_node.GetSegmentation().GetConversionParameter(
        "Reference image geometry"
    )


def test_undo_and_redo_restore_mask_and_points(case):
    case.work.place(case.ras(A))
    case.work.place(case.ras(B), positive=False)
    case.work.undo()
    assert np.array_equal(case.mask(), case.ball(A))
    assert case.work.background_node.GetNumberOfControlPoints() == 0
    case.work.undo()
    assert not case.mask().any()
    assert case.work.foreground_node.GetNumberOfControlPoints() == 0
    case.work.redo()
    case.work.redo()
    assert np.array_equal(case.mask(), case.ball(A, minus=[B]))
    assert np.allclose(case.work.background_node.GetNthControlPointPositionWorld(0), case.ras(B))


def test_undo_beyond_the_first_prompt_changes_nothing(case):
    case.work.place(case.ras(A))
    case.work.undo()
    saved = case.work.history.GetNumberOfStates()
    case.work.undo()
    assert not case.mask().any()
    assert case.work.history.GetNumberOfStates() == saved


def test_flip_move_remove_and_clear(case):
    case.work.place(case.ras(A))
    case.work.place(case.ras((9, 11, 15)))
    first, second = case.work.points()
    case.work.flip_point(second.id)
    assert np.array_equal(case.mask(), case.ball(A, minus=[(9, 11, 15)]))
    assert [p.positive for p in case.work.points()] == [True, False]
    case.work.move_point(second.id, case.ras(B))
    assert np.array_equal(case.mask(), case.ball(A, minus=[B]))
    case.work.remove_point(first.id)
    assert not case.mask().any()
    case.work.undo()
    assert np.array_equal(case.mask(), case.ball(A, minus=[B]))
    case.work.clear()
    assert not case.mask().any() and case.work.points() == []
    case.work.undo()
    assert np.array_equal(case.mask(), case.ball(A, minus=[B]))


def test_a_box_is_clipped_to_the_volume(case):
    case.work.add_box_ras([case.ras((-4, 2, 3)), case.ras((5, 6, 99))])
    expected = np.zeros(SHAPE, bool)
    expected[0:6, 2:7, 3:26] = True
    assert np.array_equal(case.mask(), expected)


def test_a_scribble_reaches_the_session(case):
    case.work.add_scribble_ras([case.ras(A), case.ras(B)])
    assert np.array_equal(case.mask(), case.ball(A, B))


def test_preview_and_suggestion_write_nothing(case):
    case.work.place(case.ras(A))
    states = case.work.history.GetNumberOfStates()
    preview = case.work.preview_ras(case.ras(B))
    assert np.array_equal(preview.mask, case.ball(A, B))
    assert np.allclose(case.work.suggest_next_ras(), case.ras(np.add(A, 1)))
    assert np.array_equal(case.mask(), case.ball(A))
    assert case.work.history.GetNumberOfStates() == states and len(case.updates) == 1


def test_a_click_outside_changes_nothing_and_the_next_one_works(case):
    with pytest.raises(
        InvalidPromptError, match="R 1000.0, A 2.5, S 0.0 mm lies outside the volume 'CT'; click inside it"
    ):
        case.work.place((1000, 2.5, 0))
    with pytest.raises(InvalidPromptError, match="R 3.0, A 4.0, S -9.0 mm lies outside"):
        case.work.add_scribble_ras([(3, 4, 5), (3, 4, -9)])
    assert case.work.segment_ids == [] and case.work.points() == []
    case.work.place(case.ras(A))
    assert np.array_equal(case.mask(), case.ball(A))


def test_voxels_changed_behind_our_back_are_refused(case):
    case.volume.GetImageData().GetPointData().GetScalars().Modified()
    with pytest.raises(SceneError, match="voxels of 'CT' were changed"):
        case.work.place(case.ras(A))


def test_points_follow_a_volume_that_is_moved(scene):
    volume = add_volume(scene)
    transform = add_transform(scene, np.eye(4))
    volume.SetAndObserveTransformNodeID(transform.GetID())
    case = start_case(scene, volume)
    case.work.place(case.ras(A))
    transform.SetMatrixTransformToParent(add_transform(scene, MOVE).GetTransformToParent().GetMatrix())
    expected = (MOVE @ (*A[::-1], 1))[:3]
    assert np.allclose(case.work.foreground_node.GetNthControlPointPositionWorld(0), expected)
    assert np.allclose(case.work.points()[0].position, expected)
    case.work.foreground_node.AddControlPointWorld((MOVE @ (*B[::-1], 1))[:3])
    assert np.array_equal(case.mask(), case.ball(A, B))


def test_a_transform_that_becomes_non_linear_is_reported(case):
    transform = case.scene.AddNewNodeByClass("vtkMRMLBSplineTransformNode", "Warp")
    case.volume.SetAndObserveTransformNodeID(transform.GetID())
    assert "non-linear transform 'Warp'" in case.errors[0]
    with pytest.raises(GeometryError, match="harden"):
        case.work.place((9, 11, 13))
    case.volume.SetAndObserveTransformNodeID(None)
    case.work.place(case.ras(A))
    assert np.array_equal(case.mask(), case.ball(A))


def test_embedding_may_happen_elsewhere(scene):
    from Fast3DSAM.Logic.mrml.volumes import read_volume

    session = BallSession()
    work = SceneSession(scene, session)
    volume = read_volume(add_volume(scene))
    with pytest.raises(SceneError, match="not the one that was prepared"):
        work.attach(volume)
    session.set_volume(volume.voxels, geometry=volume.geometry)
    work.attach(volume)
    assert work.is_attached and work.volume_node is volume.node
    work.close()


def test_a_volume_deleted_during_embedding_is_named(scene):
    from Fast3DSAM.Logic.mrml.volumes import read_volume

    session = BallSession()
    work = SceneSession(scene, session)
    volume = read_volume(add_volume(scene))
    session.set_volume(volume.voxels, geometry=volume.geometry)
    scene.RemoveNode(volume.node)
    with pytest.raises(SceneError, match="'CT' is not in the scene"):
        work.attach(volume)
    work.close()


def test_a_prompt_while_another_is_worked_on_is_kept_for_later(scene):
    case = start_case(scene)
    add_point = case.session.add_point

    def add_slowly(position, positive=True):
        case.session.add_point = add_point
        case.work.foreground_node.AddControlPointWorld(case.ras(B))  # the user clicks meanwhile
        with pytest.raises(Fast3DSAMError, match="still being worked on"):
            case.work.undo()
        return add_point(position, positive)

    case.session.add_point = add_slowly
    case.work.place(case.ras(A))
    assert np.array_equal(case.mask(), case.ball(A, B))
    assert len(case.work.points()) == 2


def test_a_click_on_the_old_volume_while_a_new_one_takes_its_place_is_refused(case):
    case.work.place(case.ras(A))
    before = case.mask()
    node = case.work.foreground_node
    case.session.set_volume(np.zeros(SHAPE))  # a worker finished; `attach` has not been called yet
    with pytest.raises(SceneError, match="takes the place of 'CT'; wait"):
        case.work.place(case.ras(B))
    node.AddControlPointWorld(case.ras(B))
    assert "takes the place" in case.errors[0]
    assert np.array_equal(case.mask(), before)


def test_a_segmentation_that_cannot_be_written_keeps_prompts_and_mask(case):
    case.work.place(case.ras(A))
    warp = case.scene.AddNewNodeByClass("vtkMRMLBSplineTransformNode", "Warp")
    case.work.segmentation_node.SetAndObserveTransformNodeID(warp.GetID())
    case.work.foreground_node.AddControlPointWorld(case.ras(B))
    assert "non-linear transform 'Warp'" in case.errors[0]
    assert len(case.work.points()) == 1 and case.work.foreground_node.GetNumberOfControlPoints() == 1
    case.work.segmentation_node.SetAndObserveTransformNodeID(None)
    case.work.place(case.ras(B))
    assert np.array_equal(case.mask(), case.ball(A, B))


def test_a_segmentation_made_into_surfaces_meanwhile_is_refused(case):
    case.work.place(case.ras(A))
    case.work.segmentation_node.CreateClosedSurfaceRepresentation()
    case.work.segmentation_node.GetSegmentation().SetSourceRepresentationName("Closed surface")
    with pytest.raises(SceneError, match="make 'Binary labelmap' the source"):
        case.work.place(case.ras(B))
    assert len(case.work.points()) == 1


def test_a_bare_segment_that_a_script_added_can_be_filled(case):
    case.work.segmentation_node.GetSegmentation().AddSegment(slicer.vtkSegment(), "bare")
    case.work.active_segment_id = "bare"
    case.work.place(case.ras(A))
    assert np.array_equal(case.mask("bare"), case.ball(A))
