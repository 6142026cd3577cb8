"""Buttons, keys and clicks in a real slice view do what the panel says, through the worker thread."""

import numpy as np
import pytest
import qt
import slicer

from Testing.widgets.application import TWO_BALLS, balls

FIRST, SECOND = TWO_BALLS


def is_ball(mask, centre) -> bool:
    """Whether the mask is one of the balls, up to voxels at its border."""
    truth = balls(centres=[centre]) > 0
    return 2 * (mask & truth).sum() > 0.85 * (mask.sum() + truth.sum())


@pytest.fixture
def clicked(ready):
    """One foreground click in the first ball."""
    ready.press(ready.ui.foregroundButton)
    ready.click(*FIRST)
    ready.settle()
    return ready


def test_choosing_a_volume_prepares_it_in_the_background_and_says_so(app):
    seen = []
    app.bench.listeners.append(lambda: seen.append(app.bench.status.text))
    app.choose(app.add_volume())
    assert any("Embedding tile" in text for text in seen)
    assert "embedded in" in app.ui.statusLabel.text
    assert app.ui.foregroundButton.enabled


def test_a_foreground_click_in_the_slice_view_makes_the_segment(clicked):
    assert is_ball(clicked.mask(), FIRST)
    assert clicked.ui.promptsTable.rowCount == 1
    assert "Predicted quality" in clicked.ui.answerLabel.text


def test_placing_stays_on_until_escape(clicked):
    clicked.click(FIRST[0], FIRST[1] + 3, FIRST[2])
    clicked.settle()
    assert len(clicked.bench.work.points()) == 2
    clicked.key("Esc")
    assert not clicked.ui.foregroundButton.checked
    clicked.click(FIRST[0], FIRST[1] - 3, FIRST[2])
    clicked.settle()
    assert len(clicked.bench.work.points()) == 2


def test_the_keys_f_and_b_switch_the_sign_and_the_same_key_again_stops(ready):
    ready.key("F")
    assert ready.ui.foregroundButton.checked and not ready.ui.backgroundButton.checked
    ready.key("B")
    assert ready.ui.backgroundButton.checked and not ready.ui.foregroundButton.checked
    ready.key("B")
    assert not ready.ui.backgroundButton.checked and not ready.panel.placing.is_on


def test_shift_clicks_the_other_sign(clicked):
    clicked.click(FIRST[0], FIRST[1], FIRST[2] + 12, shift=True)
    clicked.settle()
    assert [p.positive for p in clicked.bench.work.points()] == [True, False]


def test_choosing_another_mouse_mode_in_slicer_ends_placing(clicked):
    interaction = clicked.scene.GetNodeByID("vtkMRMLInteractionNodeSingleton")
    interaction.SetCurrentInteractionMode(interaction.ViewTransform)
    assert not clicked.panel.placing.is_on and not clicked.ui.foregroundButton.checked


def test_dragging_a_point_takes_the_segment_along(clicked):
    clicked.key("Esc")
    start, end = clicked.pixel(*FIRST), clicked.pixel(*SECOND)
    clicked.view.picture()
    clicked.view.drag(start, end, steps=6)
    clicked.settle()
    assert is_ball(clicked.mask(), SECOND)
    clicked.press(clicked.ui.undoButton)
    clicked.settle()
    assert is_ball(clicked.mask(), FIRST)


def test_delete_flip_and_undo_from_the_list(clicked):
    clicked.press(clicked.ui.flipButton)
    clicked.settle()
    assert not clicked.mask().any() and not clicked.bench.work.points()[0].positive
    clicked.press(clicked.ui.deleteButton)
    clicked.settle()
    assert clicked.ui.promptsTable.rowCount == 0
    for _ in range(2):
        clicked.press(clicked.ui.undoButton)
        clicked.settle()
    assert is_ball(clicked.mask(), FIRST)
    clicked.press(clicked.ui.redoButton)
    clicked.settle()
    assert not clicked.mask().any()


def test_deleting_a_point_in_the_scene_updates_the_segment(clicked):
    clicked.bench.work.foreground_node.RemoveNthControlPoint(0)
    clicked.settle()
    assert not clicked.mask().any() and clicked.ui.promptsTable.rowCount == 0


def test_clear_is_undone(clicked):
    clicked.press(clicked.ui.clearButton)
    clicked.settle()
    assert not clicked.mask().any()
    clicked.key("Ctrl+Z")
    clicked.settle()
    assert is_ball(clicked.mask(), FIRST)


def test_next_makes_a_new_segment_and_the_table_brings_the_first_ones_clicks_back(clicked):
    first = clicked.bench.work.active_segment_id
    clicked.key("N")
    assert clicked.ui.promptsTable.rowCount == 0
    clicked.click(*SECOND)
    clicked.settle()
    second = clicked.bench.work.active_segment_id
    assert is_ball(clicked.mask(second), SECOND) and is_ball(clicked.mask(first), FIRST)
    clicked.ui.segmentsTable.setSelectedSegmentIDs([first])
    clicked.settle()
    assert clicked.bench.work.active_segment_id == first
    assert np.allclose(clicked.bench.work.points()[0].position, clicked.bench.work.to_ras(FIRST), atol=0.6)


def test_a_segment_renamed_in_the_table_keeps_its_name(clicked):
    clicked.ui.segmentsTable.tableWidget().item(0, 1).setText("Liver")
    segmentation = clicked.bench.work.segmentation_node.GetSegmentation()
    assert segmentation.GetSegment(clicked.bench.work.active_segment_id).GetName() == "Liver"


def test_removing_the_segment_takes_its_clicks_away(clicked):
    clicked.press(clicked.ui.removeSegmentButton)
    clicked.settle()
    assert clicked.bench.work.segment_ids == [] and clicked.ui.promptsTable.rowCount == 0
    clicked.click(*SECOND)
    clicked.settle()
    assert is_ball(clicked.mask(), SECOND)


def test_protection_can_be_switched_off_and_back_on(clicked):
    clicked.press(clicked.ui.protectCheck)
    assert not clicked.bench.work.protect_all
    clicked.press(clicked.ui.protectCheck)
    assert clicked.bench.work.protect_all


def test_click_here_next_moves_the_slice_view_there(clicked):
    clicked.view.show(clicked.bench.work.to_ras((3, 14, 14)))
    wanted = clicked.bench.work.suggest_next_ras()
    clicked.key("H")
    assert abs(clicked.view.node.GetSliceOffset() - wanted[2]) < 0.51


def test_show_moves_the_slice_view_to_the_click(clicked):
    clicked.view.show(clicked.bench.work.to_ras((3, 14, 14)))
    clicked.press(clicked.ui.jumpButton)
    assert abs(clicked.view.node.GetSliceOffset() - clicked.bench.work.points()[0].position[2]) < 0.51


def test_export_makes_a_labelmap_node(clicked):
    clicked.press(clicked.ui.exportNodeButton)
    node = clicked.scene.GetFirstNodeByClass("vtkMRMLLabelMapVolumeNode")
    assert np.array_equal(slicer.util.arrayFromVolume(node) == 1, clicked.mask())


def test_export_writes_the_file_that_the_user_names(clicked, tmp_path):
    qt.answers.append(str(tmp_path / "labels"))
    clicked.press(clicked.ui.exportFileButton)
    assert (tmp_path / "labels.nii.gz").is_file() and not clicked.bench.error


def test_export_to_a_missing_folder_is_one_sentence(clicked, tmp_path):
    qt.answers.append(str(tmp_path / "missing" / "labels.nrrd"))
    clicked.press(clicked.ui.exportFileButton)
    assert "cannot be written" in clicked.ui.errorLabel.text


def test_a_click_outside_is_told_and_the_next_one_works(ready):
    ready.key("F")
    ready.view.click(3, 3)
    ready.settle()
    assert "outside" in ready.ui.errorLabel.text
    ready.click(*FIRST)
    ready.settle()
    assert is_ball(ready.mask(), FIRST) and ready.ui.errorLabel.text == ""


def test_the_self_check_tells_of_device_and_geometry(ready):
    ready.press(ready.ui.selfCheckButton)
    text = ready.ui.selfCheckLabel.text
    assert "PyTorch" in text and "no device" in text and "48 x 28 x 28 voxels" in text


def test_leaving_the_module_gives_mouse_and_keys_back(clicked):
    clicked.widget.exit()
    interaction = clicked.scene.GetNodeByID("vtkMRMLInteractionNodeSingleton")
    assert interaction.GetCurrentInteractionMode() == interaction.ViewTransform
    assert not clicked.panel._keys
    clicked.widget.enter()
    assert clicked.bench.is_ready and clicked.ui.promptsTable.rowCount == 1


def test_one_segment_can_be_unlocked_and_then_clicks_for_another_take_from_it(clicked):
    first = clicked.bench.work.active_segment_id
    before = clicked.mask(first)
    clicked.press(clicked.ui.addSegmentButton)
    clicked.click(*FIRST)
    clicked.settle()
    assert np.array_equal(clicked.mask(first), before), "it was locked"
    clicked.ui.segmentsTable.setSelectedSegmentIDs([first])
    assert clicked.ui.lockSegmentButton.checked
    clicked.press(clicked.ui.lockSegmentButton)
    assert not clicked.ui.lockSegmentButton.checked and not clicked.bench.work.is_locked(first)
    clicked.press(clicked.ui.addSegmentButton)
    assert clicked.ui.lockSegmentButton.checked, "each segment has its own"
    clicked.click(*FIRST)
    clicked.settle()
    assert clicked.mask().any() and not (clicked.mask(first) & clicked.mask()).any()


def test_the_chosen_segment_alone_can_be_exported(clicked):
    clicked.key("N")
    clicked.click(*SECOND)
    clicked.settle()
    wanted = clicked.mask()
    clicked.ui.exportChosenCheck.setChecked(True)
    clicked.press(clicked.ui.exportNodeButton)
    labels = slicer.util.arrayFromVolume(clicked.scene.GetFirstNodeByClass("vtkMRMLLabelMapVolumeNode"))
    assert np.array_equal(labels == 1, wanted) and labels.max() == 1
