import numpy as np
import pytest
import SimpleITK as sitk
import slicer
import slicerio
from vtk.util.numpy_support import vtk_to_numpy

from Fast3DSAM.Logic.errors import SceneError, VolumeFileError
from Fast3DSAM.Logic.mrml.export import export_file, export_labelmap
from Fast3DSAM.Logic.mrml.volumes import local_matrix
from Testing.mrml.conftest import start_case
from Testing.mrml.scene_helpers import GRIDS, SHAPE, add_transform, add_volume, affine, rotation

A, B = (9, 11, 13), (5, 6, 7)
MOVE = affine(rotation((2, 1, 0), 25), origin=(30, -20, 10))
LPS = np.diag([-1.0, -1.0, 1.0])
TOLERANCE = {".nrrd": 1e-12, ".mha": 1e-12, ".nii.gz": 1e-5}


@pytest.fixture(params=GRIDS)
def two_segments(scene, request):
    """A case with two segments, and both masks."""
    case = start_case(scene, add_volume(scene, GRIDS[request.param]))
    case.work.new_segment("liver")
    case.work.place(case.ras(A))
    case.work.new_segment("spleen")
    case.work.place(case.ras(B))
    return case, case.ball(A), case.ball(B) & ~case.ball(A)


def labels(liver, spleen):
    return np.where(spleen, 2, liver.astype(int))


def same_grid(image: sitk.Image, matrix, tolerance) -> bool:
    spacing = np.linalg.norm(matrix[:3, :3], axis=0)
    directions = LPS @ (matrix[:3, :3] / spacing)
    return (
        image.GetSize() == SHAPE[::-1]
        and np.allclose(image.GetSpacing(), spacing, atol=tolerance)
        and np.allclose(np.reshape(image.GetDirection(), (3, 3)), directions, atol=tolerance)
        and np.allclose(image.GetOrigin(), LPS @ matrix[:3, 3], atol=tolerance)
    )


@pytest.mark.parametrize("extension", TOLERANCE)
def test_a_file_has_the_reference_geometry_and_every_voxel(two_segments, tmp_path, extension):
    case, liver, spleen = two_segments
    path = export_file(tmp_path / f"all{extension}", case.volume, case.work.segmentation_node)
    image = sitk.ReadImage(str(path))
    assert same_grid(image, local_matrix(case.volume), TOLERANCE[extension])
    assert np.array_equal(sitk.GetArrayFromImage(image), labels(liver, spleen))


def test_one_segment_alone_has_label_one(two_segments, tmp_path):
    case, _, spleen = two_segments
    id = case.work.active_segment_id
    path = export_file(tmp_path / "spleen.nrrd", case.volume, case.work.segmentation_node, [id])
    assert np.array_equal(sitk.GetArrayFromImage(sitk.ReadImage(str(path))), spleen)


def test_slicerio_reads_the_segments_of_a_seg_nrrd(two_segments, tmp_path):
    case, liver, spleen = two_segments
    path = export_file(tmp_path / "all.seg.nrrd", case.volume, case.work.segmentation_node)
    read = slicerio.read_segmentation(str(path))
    assert [segment["name"] for segment in read["segments"]] == ["liver", "spleen"]
    values = [segment["labelValue"] for segment in read["segments"]]
    voxels = read["voxels"]
    assert voxels.shape == SHAPE[::-1]
    assert np.array_equal(voxels.transpose() == values[0], liver)
    assert np.array_equal(voxels.transpose() == values[1], spleen)
    to_ras = np.diag([-1.0, -1, 1, 1]) @ read["ijkToLPS"]
    assert np.allclose(to_ras, local_matrix(case.volume), atol=1e-9)
    assert same_grid(sitk.ReadImage(str(path)), local_matrix(case.volume), 1e-9)


@pytest.mark.parametrize("which", ["volume", "segmentation", "both"])
def test_transforms_move_nodes_but_not_files(scene, tmp_path, which):
    volume = add_volume(scene, GRIDS["oblique"])
    segmentation = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Organs")
    if which != "segmentation":
        volume.SetAndObserveTransformNodeID(add_transform(scene, MOVE).GetID())
    if which != "volume":
        segmentation.SetAndObserveTransformNodeID(add_transform(scene, np.linalg.inv(MOVE)).GetID())
    case = start_case(scene, volume, segmentation)
    case.work.place(case.ras(A))
    for extension in (".nrrd", ".seg.nrrd"):
        image = sitk.ReadImage(str(export_file(tmp_path / f"a{extension}", volume, segmentation)))
        assert same_grid(image, GRIDS["oblique"], 1e-9)
        assert np.array_equal(sitk.GetArrayFromImage(image) > 0, case.ball(A))
    node = export_labelmap(scene, volume, segmentation)
    assert node.GetParentTransformNode() is volume.GetParentTransformNode()
    assert np.allclose(local_matrix(node), local_matrix(volume))


def test_a_labelmap_node_has_grid_names_and_colours(two_segments):
    case, liver, spleen = two_segments
    node = export_labelmap(case.scene, case.volume, case.work.segmentation_node)
    voxels = vtk_to_numpy(node.GetImageData().GetPointData().GetScalars()).reshape(SHAPE)
    assert np.array_equal(voxels, labels(liver, spleen))
    assert np.array_equal(local_matrix(node), local_matrix(case.volume))
    colours = node.GetDisplayNode().GetColorNode()
    assert [colours.GetColorName(n) for n in range(3)] == ["background", "liver", "spleen"]


def test_overlapping_segments_survive_in_a_seg_nrrd(scene, tmp_path):
    case = start_case(scene)
    first, second = case.work.new_segment("a"), case.work.new_segment("b")
    from Testing.mrml.scene_helpers import paint

    paint(case.work.segmentation_node, first, case.ball(A), GRIDS["axis-aligned"])
    paint(case.work.segmentation_node, second, case.ball((9, 11, 14)), GRIDS["axis-aligned"])
    path = export_file(tmp_path / "both.seg.nrrd", case.volume, case.work.segmentation_node)
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "read")
    storage = slicer.vtkMRMLSegmentationStorageNode()
    storage.SetFileName(str(path))
    assert storage.ReadData(node)
    from Testing.mrml.scene_helpers import segment_mask

    assert np.array_equal(segment_mask(node, first), case.ball(A))
    assert np.array_equal(segment_mask(node, second), case.ball((9, 11, 14)))


def test_an_empty_segment_is_exported_as_empty(case, tmp_path):
    case.work.new_segment("nothing yet")
    case.work.new_segment("something")
    case.work.place(case.ras(A))
    path = export_file(tmp_path / "two.seg.nrrd", case.volume, case.work.segmentation_node)
    read = slicerio.read_segmentation(str(path))
    assert [segment["name"] for segment in read["segments"]] == ["nothing yet", "something"]
    path = export_file(tmp_path / "two.nrrd", case.volume, case.work.segmentation_node)
    assert np.array_equal(sitk.GetArrayFromImage(sitk.ReadImage(str(path))), 2 * case.ball(A))


def test_export_leaves_the_scene_as_it_was(case, tmp_path):
    case.work.place(case.ras(A))
    nodes = case.scene.GetNumberOfNodes()
    export_file(tmp_path / "a.seg.nrrd", case.volume, case.work.segmentation_node)
    export_file(tmp_path / "a.nii.gz", case.volume, case.work.segmentation_node)
    assert case.scene.GetNumberOfNodes() == nodes


def test_what_cannot_be_exported_is_named(case, tmp_path):
    with pytest.raises(SceneError, match="no segment to export"):
        export_file(tmp_path / "a.nrrd", case.volume, case.work.segmentation_node)
    case.work.place(case.ras(A))
    with pytest.raises(VolumeFileError, match="'a.stl'; use one of"):
        export_file(tmp_path / "a.stl", case.volume, case.work.segmentation_node)
    with pytest.raises(SceneError, match="no segment 'Nix'"):
        export_file(tmp_path / "a.nrrd", case.volume, case.work.segmentation_node, ["Nix"])
    with pytest.raises(VolumeFileError, match="cannot be written"):
        export_file(tmp_path / "none" / "a.nrrd", case.volume, case.work.segmentation_node)
