"""A mouse click in a real slice view becomes a segment that is drawn at the right place."""

import numpy as np
import pytest
import slicer
from scipy import ndimage

from Fast3DSAM.Logic.mrml.scene_session import SceneSession
from Testing.mrml.ball_session import BallSession
from Testing.mrml.scene_helpers import GRIDS, add_transform, add_volume, affine, rotation, segment_mask
from Testing.mrml.slice_view import SliceView

GLYPH = 14  # pixels around a point that its marker may cover


@pytest.fixture
def open_view(slicer_scene):
    """Open a view and a session on a volume node."""
    opened = []

    def open_on(volume):
        view = SliceView(slicer_scene, volume)
        work = SceneSession(slicer_scene.scene, BallSession(), on_error=pytest.fail)
        opened.extend((view, work))
        work.set_volume(volume)
        return view, work

    yield open_on
    for thing in reversed(opened):
        thing.close()


def real_ct(scene, data_folder):
    path = data_folder / "pairs" / "ct_torso_ts" / "image.nii.gz"
    if not path.is_file():
        pytest.skip("the torso CT is not here")
    storage = slicer.vtkMRMLVolumeArchetypeStorageNode()
    storage.SetFileName(str(path))
    volume = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Torso CT")
    assert storage.ReadData(volume)
    volume.CreateDefaultDisplayNodes()
    volume.GetDisplayNode().SetAutoWindowLevel(False)
    volume.GetDisplayNode().SetWindowLevel(400, 40)
    return volume


def drawn_mask(view, work, mask) -> np.ndarray:
    """(y, x): pixels whose world position lies in a voxel of the (k, j, i) mask."""
    kji = np.round(work.session.geometry.ras_to_kji(view.positions())).astype(int)
    inside = ((kji >= 0) & (kji < mask.shape)).all(axis=-1)
    result = np.zeros(inside.shape, bool)
    result[inside] = mask[tuple(kji[inside].T)]
    return result


def check_colours(view, work, before, after, mask, clicks):
    """Every pixel well inside the segment changed colour; no pixel well outside did, markers excepted."""
    expected = drawn_mask(view, work, mask)
    changed = (before != after).any(axis=-1)
    near_click = np.zeros_like(expected)
    for x, y in clicks:
        near_click[max(0, y - GLYPH) : y + GLYPH, max(0, x - GLYPH) : x + GLYPH] = True
    inside = ndimage.binary_erosion(expected, iterations=3)
    outside = ~ndimage.binary_dilation(expected, iterations=3) & ~near_click
    assert inside.sum() > 400
    assert changed[inside].all()
    assert not changed[outside].any()


def test_a_click_on_a_real_ct_colours_the_segment_where_it_is(scene, open_view, data_folder, artefacts, monkeypatch):
    monkeypatch.setattr("Testing.mrml.ball_session.RADIUS", 30.0)
    view, work = open_view(real_ct(scene, data_folder))
    target = work.session.geometry.kji_to_ras((99, 58, 85))  # liver
    view.show(target)
    before = view.picture()
    id = work.new_segment("liver")
    work.segmentation_node.GetSegmentation().GetSegment(id).SetColor(0.95, 0.6, 0.15)
    view.place_points_in(work.foreground_node)
    x, y = view.pixel(target)
    view.click(x, y)
    view.stop_placing()
    assert len(work.points()) == 1
    assert np.allclose(work.points()[0].position, view.positions()[y, x], atol=1e-6)
    mask = segment_mask(work.segmentation_node, work.active_segment_id, work.session.shape)
    assert mask[tuple(np.round(work.session.prompts.points[0].position).astype(int))]
    after = view.picture()
    view.save(artefacts / "slice_view_click.png")
    check_colours(view, work, before, after, mask, [(x, y)])


@pytest.mark.parametrize("name", ["oblique", "oblique left-handed"])
def test_a_click_lands_in_the_right_voxel_of_an_oblique_moved_volume(scene, open_view, name):
    volume = add_volume(scene, GRIDS[name])
    volume.SetAndObserveTransformNodeID(
        add_transform(scene, affine(rotation((1, 1, 0), 15), origin=(20, 0, -9))).GetID()
    )
    view, work = open_view(volume)
    target = work.session.geometry.kji_to_ras((9, 11, 13))
    view.show(target)
    before = view.picture()
    view.place_points_in(work.foreground_node)
    x, y = view.pixel(target)
    view.click(x, y)
    view.stop_placing()
    mask = segment_mask(work.segmentation_node, work.active_segment_id)
    assert np.abs(np.subtract(work.session.prompts.points[0].position, (9, 11, 13))).max() < 0.5
    check_colours(view, work, before, view.picture(), mask, [(x, y)])


def test_a_click_beside_the_image_is_refused_and_the_next_one_works(slicer_scene, scene):
    volume = add_volume(scene)
    view, said = SliceView(slicer_scene, volume), []
    work = SceneSession(scene, BallSession(), on_error=said.append)
    work.set_volume(volume)
    centre = work.session.geometry.kji_to_ras((9, 11, 13))
    view.show(centre)
    view.place_points_in(work.foreground_node)
    view.click(3, 3)
    assert len(said) == 1 and "outside" in said[0]
    view.click(*view.pixel(centre))
    view.stop_placing()
    assert len(work.points()) == 1 and len(said) == 1
    work.close()
    view.close()


def test_undo_while_a_point_follows_the_mouse_and_then_a_click(scene, open_view):
    view, work = open_view(add_volume(scene))
    centre = work.session.geometry.kji_to_ras((9, 11, 13))
    view.show(centre)
    x, y = view.pixel(centre)
    view.place_points_in(work.foreground_node)
    view.click(x, y)
    view.click(x + 60, y)
    view.move(x - 60, y)
    work.undo()
    assert len(work.points()) == 1
    view.move(x - 50, y - 50)
    view.click(x - 50, y - 50)
    view.stop_placing()
    assert len(work.points()) == 2
    assert np.allclose(work.points()[1].position, view.positions()[y - 50, x - 50], atol=1e-6)


def test_a_point_dragged_with_the_mouse_takes_the_segment_along_in_one_step(scene, open_view):
    view, work = open_view(add_volume(scene))
    centre = work.session.geometry.kji_to_ras((9, 11, 13))
    view.show(centre)
    start = view.pixel(centre)
    end = (start[0] + 70, start[1] - 60)
    work.place(view.positions()[start[1], start[0]])
    view.picture()
    view.drag(start, end)
    dropped = work.points()[0].position
    assert np.allclose(dropped, view.positions()[end[1], end[0]], atol=1e-3)
    mask = segment_mask(work.segmentation_node, work.active_segment_id)
    assert mask[tuple(np.round(work.session.geometry.ras_to_kji(dropped)).astype(int))]
    work.undo()
    assert np.allclose(work.points()[0].position, view.positions()[start[1], start[0]], atol=1e-6)
