import numpy as np
import pytest
import slicer
from vtk.util.numpy_support import numpy_to_vtk

from Fast3DSAM.Logic.errors import GeometryError, InvalidVolumeError, SceneError
from Fast3DSAM.Logic.mrml.volumes import read_volume, require_in_scene
from Testing.mrml.scene_helpers import GRIDS, SHAPE, add_transform, add_volume, affine, rotation


@pytest.mark.parametrize("name", GRIDS)
def test_voxels_and_geometry_are_those_of_the_node(scene, name):
    node = add_volume(scene, GRIDS[name])
    volume = read_volume(node)
    assert volume.shape == SHAPE
    k, j, i = 4, 7, 9
    assert volume.voxels[k, j, i] == node.GetImageData().GetScalarComponentAsDouble(i, j, k, 0)
    assert np.allclose(volume.geometry.ijk_to_ras, GRIDS[name], atol=1e-12)


def test_a_parent_transform_is_folded_into_the_geometry(scene):
    node = add_volume(scene, GRIDS["oblique"])
    outer = affine(rotation((0, 1, 1), 40), origin=(5, 6, 7))
    inner = affine(rotation((1, 0, 0), 10), (1, 1, 1.5), (1, 2, 3))
    parent, grandparent = add_transform(scene, inner), add_transform(scene, outer)
    parent.SetAndObserveTransformNodeID(grandparent.GetID())
    node.SetAndObserveTransformNodeID(parent.GetID())
    assert np.allclose(read_volume(node).geometry.ijk_to_ras, outer @ inner @ GRIDS["oblique"], atol=1e-9)


def test_nothing_is_copied(scene):
    node = add_volume(scene)
    voxels = read_volume(node).voxels
    node.GetImageData().SetScalarComponentFromDouble(3, 2, 1, 0, 777)
    assert voxels[1, 2, 3] == 777
    assert not voxels.flags.writeable


def test_an_extent_that_does_not_start_at_zero_moves_the_origin(scene):
    node = add_volume(scene, GRIDS["anisotropic"])
    image = node.GetImageData()
    image.SetExtent(5, 5 + SHAPE[2] - 1, 0, SHAPE[1] - 1, 2, 2 + SHAPE[0] - 1)
    assert np.allclose(
        read_volume(node).geometry.kji_to_ras((0, 0, 0)), (GRIDS["anisotropic"] @ (5, 0, 2, 1))[:3], atol=1e-12
    )


def test_a_non_linear_transform_is_refused_with_the_remedy(scene):
    node = add_volume(scene)
    transform = scene.AddNewNodeByClass("vtkMRMLBSplineTransformNode", "Warp")
    node.SetAndObserveTransformNodeID(transform.GetID())
    with pytest.raises(GeometryError, match="'CT' is under the non-linear transform 'Warp'; harden"):
        read_volume(node)


def test_a_colour_volume_is_refused(scene):
    node = scene.AddNewNodeByClass("vtkMRMLVectorVolumeNode", "Photo")
    image = slicer.vtkOrientedImageData()
    image.SetDimensions(4, 4, 4)
    image.GetPointData().SetScalars(numpy_to_vtk(np.zeros((64, 3), np.uint8), deep=1))
    node.SetAndObserveImageData(image)
    with pytest.raises(InvalidVolumeError, match="'Photo' has 3 values per voxel"):
        read_volume(node)


def test_an_empty_volume_is_refused(scene):
    with pytest.raises(InvalidVolumeError, match="'Nothing' has no voxels"):
        read_volume(scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Nothing"))


@pytest.mark.parametrize("kind", ["vtkMRMLModelNode", None])
def test_what_is_no_volume_is_refused(scene, kind):
    node = scene.AddNewNodeByClass(kind, "Bone") if kind else None
    with pytest.raises(InvalidVolumeError, match="is not a volume"):
        read_volume(node)


def test_changed_voxels_are_noticed(scene):
    node = add_volume(scene)
    volume = read_volume(node)
    node.GetImageData().GetScalarRange()
    node.GetDisplayNode().SetWindowLevel(300, 40)
    assert volume.is_current
    node.GetImageData().GetPointData().GetScalars().Modified()
    assert not volume.is_current


def test_a_deleted_node_is_named(scene):
    node = add_volume(scene, name="Head")
    assert require_in_scene(node, scene, "volume") is node
    scene.RemoveNode(node)
    with pytest.raises(SceneError, match="The volume 'Head' is not in the scene"):
        require_in_scene(node, scene, "volume")
