"""Prompts survive saving and loading through Slicer's own storage."""

import numpy as np
import pytest
import slicer

from Testing.mrml.conftest import start_case
from Testing.mrml.scene_helpers import GRIDS, SHAPE, add_volume, paint, segment_mask
from Testing.slicer_scene import start

A, B, C = (9, 11, 13), (9, 11, 15), (5, 6, 7)


@pytest.fixture
def saved(scene):
    """A case on an oblique volume with two segments; the first has a box and two points, one of them background."""
    case = start_case(scene, add_volume(scene, GRIDS["oblique"]))
    case.work.new_segment("first|1")
    case.work.add_box_ras([case.ras((6, 8, 10)), case.ras((12, 14, 16))])
    case.work.place(case.ras(A))
    case.work.place(case.ras(B), positive=False)
    case.work.set_locked(case.work.active_segment_id, False)
    case.work.new_segment("second")
    case.work.set_locked(case.work.active_segment_id, True)
    case.work.place(case.ras(C))
    return case


def write_segmentation(node, path):
    storage = slicer.vtkMRMLSegmentationStorageNode()
    storage.SetFileName(str(path))
    assert storage.WriteData(node) == 1


def read_segmentation(scene, path):
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "read")
    storage = slicer.vtkMRMLSegmentationStorageNode()
    storage.SetFileName(str(path))
    assert storage.ReadData(node) == 1
    return node


def test_prompts_survive_a_seg_nrrd(saved, tmp_path):
    path = tmp_path / "two.seg.nrrd"
    first, second = saved.work.segment_ids
    prompts = saved.session.prompts
    write_segmentation(saved.work.segmentation_node, path)
    masks = saved.mask(first), saved.mask(second)
    saved.work.close()
    case = start_case(saved.scene, saved.volume, read_segmentation(saved.scene, path))
    case.work.active_segment_id = second
    assert case.session.prompts == prompts
    case.work.active_segment_id = first
    assert [p.positive for p in case.work.points()] == [True, False]
    assert np.array_equal(case.mask(first), masks[0]) and np.array_equal(case.mask(second), masks[1])
    assert not case.work.is_locked(first) and case.work.is_locked(second)
    case.work.flip_point(case.work.points()[1].id)
    box = np.zeros(SHAPE, bool)
    box[6:13, 8:15, 10:17] = True
    assert np.array_equal(case.mask(first), (case.ball(A, B) | box) & ~masks[1])
    assert np.array_equal(case.mask(second), masks[1])


def test_an_edit_by_hand_before_saving_is_kept(saved, tmp_path):
    path = tmp_path / "two.seg.nrrd"
    first, _ = saved.work.segment_ids
    by_hand = np.zeros(SHAPE, bool)
    by_hand[1:3, 2:4, 20:24] = True
    paint(saved.work.segmentation_node, first, by_hand, GRIDS["oblique"])
    write_segmentation(saved.work.segmentation_node, path)
    saved.work.close()
    case = start_case(saved.scene, saved.volume, read_segmentation(saved.scene, path))
    case.work.active_segment_id = first
    case.work.place(case.ras((12, 15, 5)))
    assert np.array_equal(case.mask(first), case.ball((12, 15, 5)) | by_hand)


def test_a_saved_scene_goes_on_where_it_stopped(saved, tmp_path):
    scene_file = tmp_path / "case.mrml"
    first, second = saved.work.segment_ids
    masks = saved.mask(first), saved.mask(second)
    saved.work.protect_all = True
    for node, kind, name in (
        (saved.volume, "vtkMRMLVolumeArchetypeStorageNode", "ct.nrrd"),
        (saved.work.segmentation_node, "vtkMRMLSegmentationStorageNode", "two.seg.nrrd"),
        (saved.work.foreground_node, "vtkMRMLMarkupsJsonStorageNode", "fg.mrk.json"),
        (saved.work.background_node, "vtkMRMLMarkupsJsonStorageNode", "bg.mrk.json"),
    ):
        storage = saved.scene.AddNewNodeByClass(kind)
        storage.SetFileName(str(tmp_path / name))
        node.SetAndObserveStorageNodeID(storage.GetID())
        assert storage.WriteData(node) == 1
    saved.scene.SetRootDirectory(str(tmp_path))
    saved.scene.SetURL(str(scene_file))
    assert saved.scene.Commit() == 1

    loaded = start(tmp_path / "second").scene
    loaded.SetURL(str(scene_file))
    assert loaded.Connect() == 1
    volume = loaded.GetFirstNodeByClass("vtkMRMLScalarVolumeNode")
    segmentation = loaded.GetFirstNodeByClass("vtkMRMLSegmentationNode")
    case = start_case(loaded, volume, segmentation)
    assert case.work.active_segment_id == second
    assert case.errors == [] and len(case.updates) == 0
    assert loaded.GetNumberOfNodesByClass("vtkMRMLMarkupsFiducialNode") == 2
    assert case.work.foreground_node.GetNumberOfControlPoints() == 1
    assert np.allclose(case.work.points()[0].position, case.ras(C), atol=1e-3)
    case.work.foreground_node.SetNthControlPointPositionWorld(0, case.ras((3, 4, 20)))
    assert np.array_equal(case.mask(second), case.ball((3, 4, 20)) & ~masks[0])
    case.work.active_segment_id = first
    assert case.work.background_node.GetNumberOfControlPoints() == 1
    assert np.array_equal(segment_mask(segmentation, first), masks[0])
    case.work.close()


def test_prompts_survive_when_the_volume_gets_another_id(saved, tmp_path):
    path = tmp_path / "two.seg.nrrd"
    write_segmentation(saved.work.segmentation_node, path)
    other = start(tmp_path / "second").scene
    add_volume(other, name="something else")
    volume = add_volume(other, GRIDS["oblique"])
    assert volume.GetID() != saved.volume.GetID()
    case = start_case(other, volume, read_segmentation(other, path))
    case.work.active_segment_id = case.work.segment_ids[1]
    assert len(case.work.points()) == 1
    case.work.close()


def test_prompts_survive_a_scene_bundle(saved, tmp_path):
    bundle = tmp_path / "case.mrb"
    second = saved.work.segment_ids[1]
    prompts, mask = saved.session.prompts, saved.mask(second)
    assert saved.scene.WriteToMRB(str(bundle))
    other = start(tmp_path / "second").scene
    assert other.ReadFromMRB(str(bundle), True)
    volume = other.GetFirstNodeByClass("vtkMRMLScalarVolumeNode")
    case = start_case(other, volume, other.GetFirstNodeByClass("vtkMRMLSegmentationNode"))
    assert case.work.active_segment_id == second
    assert case.session.prompts == prompts
    assert np.array_equal(case.mask(second), mask)
    case.work.close()
