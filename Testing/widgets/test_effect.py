"""The Segment Editor effect, on the Editor's real logic: its masking, its overwrite mode and its undo hold."""

import numpy as np
import pytest
import slicer

from Testing.mrml.scene_helpers import paint
from Testing.widgets.application import TWO_BALLS, balls
from Testing.widgets.test_panel import is_ball

FIRST, SECOND = TWO_BALLS


@pytest.fixture
def editor(app):
    """The Editor's logic with two segments, the first one selected, and the effect active."""
    import qSlicerSegmentationsEditorEffectsPythonQt as effects

    from Fast3DSAM.Widgets.effect import new_effect

    app.widget.exit()
    volume = app.add_volume()
    logic = slicer.vtkSlicerSegmentEditorLogic()
    logic.SetMRMLScene(app.scene)
    logic.SetMRMLApplicationLogic(slicer.app.applicationLogic())
    history = slicer.vtkSegmentationHistory()
    logic.SetSegmentationHistory(history)
    node = app.scene.AddNewNodeByClass("vtkMRMLSegmentEditorNode")
    segmentation = app.scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    segmentation.CreateDefaultDisplayNodes()
    segmentation.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    ids = [segmentation.GetSegmentation().AddEmptySegment("", name) for name in ("one", "two")]
    node.SetAndObserveSegmentationNode(segmentation)
    node.SetAndObserveSourceVolumeNode(volume)
    node.SetSelectedSegmentID(ids[0])
    history.SetSegmentation(segmentation.GetSegmentation())
    logic.SetSegmentEditorNode(node)
    logic.SetSegmentationNode(segmentation)
    logic.SetSourceVolumeNode(volume)
    assert effects.qSlicerSegmentEditorScriptedEffect
    effect = new_effect()
    effect.logic = logic
    effect.self().setupOptionsFrame()
    effect.self().activate()
    app.wait(lambda: app.bench.is_ready)
    app.editor, app.node, app.ids, app.effect, app.history = logic, node, ids, effect.self(), history
    yield app
    effect.self().deactivate()


def click(editor, place) -> None:
    if not editor.effect.tool.placing.is_on:
        editor.press(editor.effect.tool.foreground)
    editor.click(*place)
    editor.settle()


def test_a_click_fills_the_segment_that_is_selected_in_the_editor(editor):
    click(editor, FIRST)
    assert is_ball(editor.mask(editor.ids[0]), FIRST)
    editor.node.SetSelectedSegmentID(editor.ids[1])
    click(editor, SECOND)
    assert is_ball(editor.mask(editor.ids[1]), SECOND) and is_ball(editor.mask(editor.ids[0]), FIRST)


def test_the_editors_undo_takes_the_click_back_and_redo_brings_it_again(editor):
    click(editor, FIRST)
    editor.editor.Undo()
    assert not editor.mask(editor.ids[0]).any()
    editor.editor.Redo()
    assert is_ball(editor.mask(editor.ids[0]), FIRST)
    click(editor, SECOND)
    assert editor.mask(editor.ids[0])[FIRST] and editor.mask(editor.ids[0])[SECOND]


@pytest.mark.parametrize("overwrite", [True, False])
def test_the_editors_overwrite_mode_decides_about_other_segments(editor, overwrite):
    painted = balls(centres=[FIRST], radius=4) > 0
    segmentation = editor.node.GetSegmentationNode()
    paint(segmentation, editor.ids[1], painted, np.eye(4))
    modes = slicer.vtkMRMLSegmentEditorNode
    editor.node.SetOverwriteMode(modes.OverwriteAllSegments if overwrite else modes.OverwriteNone)
    click(editor, FIRST)
    assert is_ball(editor.mask(editor.ids[0]), FIRST)
    other = editor.mask(editor.ids[1])
    assert (not other.any()) if overwrite else np.array_equal(other, painted)


def test_the_editors_intensity_mask_keeps_voxels_out(editor):
    editor.node.SetSourceVolumeIntensityMask(True)
    editor.node.SetSourceVolumeIntensityMaskRange(50, 200)
    click(editor, FIRST)
    mask = editor.mask(editor.ids[0])
    assert mask.any() and not mask[balls(centres=[FIRST]) == 0].any()


def test_module_and_effect_share_session_and_embedding(editor):
    click(editor, FIRST)
    embedded = editor.predictor.embedded
    editor.effect.deactivate()
    editor.widget.enter()
    editor.settle()
    assert editor.bench.is_ready and editor.predictor.embedded == embedded
    assert editor.ui.promptsTable.rowCount == 1


def test_without_the_effect_mouse_and_masking_are_the_modules_again(editor):
    editor.effect.deactivate()
    assert not editor.bench.parameters.placing
    from Fast3DSAM.Logic.mrml.segmentations import SegmentationTarget

    assert type(editor.bench.work._attached.target) is SegmentationTarget


def test_it_is_registered_when_slicer_is_up(app):
    import qSlicerSegmentationsEditorEffectsPythonQt as effects
    import SampleData

    module = app.module.Fast3DSAM(type("Parent", (), {})())
    (start_up,) = app.start_up
    start_up()
    effect = effects._Factory.effects[-1]
    assert effect.name == "Fast 3D SAM" and "Click inside" in effect.self().helpText()
    assert not effect.self().icon().isNull()
    names = {source["sampleName"]: source for source in SampleData.sources}
    assert set(names) == {"Fast3DSAM_CTChest", "Fast3DSAM_MRHead"}
    assert all(s["uris"].endswith(s["checksums"].partition(":")[2]) for s in names.values())
    assert "Segmentation" in module.parent.categories and not module.parent.icon.isNull()


@pytest.mark.parametrize("layers", ["shared", "separate"])
def test_what_the_editor_overwrote_is_where_the_other_segment_goes_on(editor, layers):
    if layers == "separate":
        editor.node.GetSegmentationNode().GetSegmentation().SeparateSegmentLabelmap(editor.ids[1])
    editor.node.SetOverwriteMode(slicer.vtkMRMLSegmentEditorNode.OverwriteAllSegments)
    editor.node.SetSelectedSegmentID(editor.ids[1])
    click(editor, FIRST)
    editor.node.SetSelectedSegmentID(editor.ids[0])
    click(editor, FIRST)
    assert is_ball(editor.mask(editor.ids[0]), FIRST) and not editor.mask(editor.ids[1]).any()
    editor.node.SetSelectedSegmentID(editor.ids[1])
    click(editor, SECOND)
    assert is_ball(editor.mask(editor.ids[0]), FIRST), "it took back what it had lost"
    assert is_ball(editor.mask(editor.ids[1]), SECOND)
