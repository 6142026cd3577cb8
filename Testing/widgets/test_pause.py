"""With a surface shown, a click costs what it costs without; Qt's timer brings the surface after the pause."""

import numpy as np
import pytest
import slicer
import vtk

from Testing.mrml.scene_helpers import paint
from Testing.mrml.surfaces import is_true, points_of, surface_of
from Testing.widgets.application import TWO_BALLS, balls
from Testing.widgets.test_effect import click, editor  # noqa: F401  a fixture
from Testing.widgets.test_panel import clicked  # noqa: F401  a fixture

FIRST, SECOND = TWO_BALLS


@pytest.fixture
def shown(clicked):  # noqa: F811
    """One segment whose surface is shown."""
    clicked.press(clicked.ui.show3dCheck)
    return clicked


def test_the_surface_is_shown_and_hidden_by_its_box(app):
    app.choose(app.add_volume())
    assert not app.ui.show3dCheck.enabled, "there is nothing to show"
    app.key("F")
    app.click(*FIRST)
    app.settle()
    work = app.bench.work
    app.press(app.ui.show3dCheck)
    assert work.shows_surfaces and is_true(work.segmentation_node, work.active_segment_id)
    app.key("N")
    app.click(*SECOND)
    app.settle()
    assert app.ui.show3dCheck.checked
    app.press(app.ui.show3dCheck)
    assert not work.shows_surfaces and not app.ui.show3dCheck.checked and not app.bench.error


def test_the_surface_comes_by_itself_after_a_pause(shown):
    work = shown.bench.work
    node, id = work.segmentation_node, work.active_segment_id
    before = points_of(surface_of(node, id))
    shown.click(*SECOND)
    shown.wait(lambda: shown.mask()[SECOND])
    assert np.array_equal(points_of(surface_of(node, id)), before), "the click made it anew"
    shown.wait(lambda: is_true(node, id))


def test_clicks_and_undo_leave_no_old_surface_behind(shown):
    work, seen = shown.bench.work, []
    node, id = work.segmentation_node, work.active_segment_id

    def look() -> int:
        """Notes the surface; how many of those that were noted are still there."""
        seen.append(vtk.vtkWeakReference())
        seen[-1].Set(surface_of(node, id).GetPoints())
        return len({reference.Get() for reference in seen} - {None})

    for _ in range(3):
        shown.click(*SECOND)
        shown.settle()
        shown.wait(lambda: is_true(node, id))
        look()
        shown.key("Ctrl+Z")
        shown.settle()
        look()
        work.history.RestorePreviousState()
        shown.wait(lambda: is_true(node, id))
        assert look() == 1, "besides those in the states of Slicer's own undo, which are copies"
    shown.press(shown.ui.show3dCheck)
    assert not any(reference.Get() for reference in seen)


def test_what_waits_when_the_scene_is_closed_or_slicer_is_left_does_no_harm(shown):
    shown.click(*SECOND)
    shown.wait(lambda: shown.mask()[SECOND])
    shown.scene.Clear(False)
    ended = []
    shown.bench.listeners.append(lambda: ended.append(1))
    shown.choose(shown.add_volume(name="Next"))
    assert ended and not shown.bench.error


@pytest.mark.parametrize("layers", ["shared", "separate"])
def test_in_the_editor_a_segment_that_was_overwritten_gets_a_new_surface_too(editor, layers):  # noqa: F811
    node = editor.node.GetSegmentationNode()
    if layers == "separate":
        node.GetSegmentation().SeparateSegmentLabelmap(editor.ids[1])
    paint(node, editor.ids[1], balls(centres=[SECOND], radius=9) > 0, np.eye(4))
    node.CreateClosedSurfaceRepresentation()
    editor.node.SetOverwriteMode(slicer.vtkMRMLSegmentEditorNode.OverwriteAllSegments)
    click(editor, SECOND)
    assert editor.mask(editor.ids[0]).any() and not editor.mask(editor.ids[1])[SECOND]
    editor.wait(lambda: all(is_true(node, id) for id in editor.ids))
