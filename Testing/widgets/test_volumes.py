"""Volumes change, come back, and are shared by panels; settings are kept with the scene."""

import numpy as np
import qt
import slicer.util

from Fast3DSAM.Widgets.panel import Panel
from Testing.widgets.application import TWO_BALLS, balls
from Testing.widgets.test_panel import is_ball

FIRST, SECOND = TWO_BALLS


def click(app, place) -> None:
    if not app.panel.placing.is_on:
        app.key("F")
    app.click(*place)
    app.settle()


def test_editing_the_volume_invalidates_it_in_one_line_and_prepare_goes_on(ready):
    click(ready, FIRST)
    volume = ready.bench.work.volume_node
    slicer.util.arrayFromVolume(volume)[:] = balls(centres=[SECOND])
    slicer.util.arrayFromVolumeModified(volume)
    assert "were changed" in ready.ui.statusLabel.text and "\n" not in ready.ui.statusLabel.text
    assert not ready.ui.foregroundButton.enabled
    ready.press(ready.ui.prepareButton)
    ready.wait(lambda: ready.bench.is_ready)
    ready.key("N")
    click(ready, SECOND)
    assert is_ball(ready.mask(), SECOND)


def test_a_second_volume_keeps_its_own_and_going_back_costs_nothing(ready):
    first = ready.bench.work.volume_node
    click(ready, FIRST)
    mine = ready.bench.work.segmentation_node
    ready.choose(ready.add_volume(balls(centres=[SECOND]), name="MR"))
    assert ready.bench.work.segmentation_node is not mine and ready.ui.promptsTable.rowCount == 0
    embedded = ready.predictor.embedded
    ready.choose(first)
    assert ready.predictor.embedded == embedded and "kept" in ready.ui.statusLabel.text
    assert ready.bench.work.segmentation_node is mine
    ready.settle()
    assert ready.ui.promptsTable.rowCount == 1 and is_ball(ready.mask(), FIRST)


def test_a_volume_that_cannot_be_segmented_is_told_in_one_sentence(app):
    empty = app.scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Nothing")
    app.ui.volumeSelector.setCurrentNode(empty)
    assert "no voxels" in app.ui.statusLabel.text and app.ui.prepareButton.isVisibleTo(app.window)
    app.choose(app.add_volume())


def test_a_flat_volume_is_refused_and_the_next_one_works(app):
    app.ui.volumeSelector.setCurrentNode(app.add_volume(np.full((20, 20, 20), 7, np.int16), name="Flat"))
    app.settle()
    assert app.bench.status.stage.value == "failed" and app.ui.statusLabel.text
    app.choose(app.add_volume())
    click(app, FIRST)
    assert is_ball(app.mask(), FIRST)


def test_two_panels_agree(ready):
    other = Panel(ready.bench, qt.QWidget())
    ready.key("B")
    assert other.ui.backgroundButton.checked
    other.ui.previewCheck.click()
    assert not ready.ui.previewCheck.checked
    click(ready, FIRST)
    assert other.ui.promptsTable.rowCount == 1
    other.close()


def test_the_settings_are_saved_with_the_scene(ready):
    ready.ui.previewCheck.click()
    ready.press(ready.ui.boxButton)
    ready.key("Esc")
    ready.scene.SetSaveToXMLString(1)
    ready.scene.Commit()
    text = ready.scene.GetSceneXMLString()
    node = text[text.index("<ScriptedModule") :].partition(">")[0]
    assert "live_preview" in node and "box" in node and ready.bench.work.volume_node.GetID() in node


def test_another_device_loads_the_network_anew_and_keeps_the_clicks(ready):
    click(ready, FIRST)
    session = ready.bench.session
    ready.ui.deviceCombo.setCurrentText("cpu")
    ready.wait(lambda: ready.bench.is_ready)
    ready.settle()
    assert ready.bench.session is not session and ready.bench.parameters.device == "cpu"
    assert is_ball(ready.mask(), FIRST) and ready.ui.promptsTable.rowCount == 1
