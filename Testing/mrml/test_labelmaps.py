import numpy as np
import slicer
import slicer.util

from Fast3DSAM.Logic.geometry import Box
from Fast3DSAM.Logic.mrml.labelmaps import extent_box, fingerprint, grid_offset, label_box, labels_in_box, to_image
from Testing.mrml.scene_helpers import GRIDS, affine, rotation

GRID = GRIDS["oblique left-handed"]
BOX = Box((3, 4, 5), (9, 11, 13))


def random_mask(box=BOX):
    return np.random.default_rng(5).random(box.shape) < 0.4


def test_an_image_has_just_the_box_and_every_voxel_at_its_world_position():
    mask = random_mask()
    image = to_image(mask, BOX, GRID)
    assert extent_box(image) == BOX
    matrix = slicer.util.vtkMatrixFromArray(np.eye(4))
    image.GetImageToWorldMatrix(matrix)
    assert np.allclose(slicer.util.arrayFromVTKMatrix(matrix), GRID, atol=1e-9)
    for k, j, i in ((3, 4, 5), (8, 10, 12), (5, 6, 7)):
        assert image.GetScalarComponentAsDouble(i, j, k, 0) == mask[k - 3, j - 4, i - 5]


def test_labels_are_read_where_box_and_layer_meet():
    mask = random_mask()
    part, labels = labels_in_box(to_image(mask, BOX, GRID), Box((0, 0, 0), (5, 30, 6)), GRID)
    assert part == Box((3, 4, 5), (5, 11, 6))
    assert np.array_equal(labels, mask[:2, :, :1])
    part, labels = labels_in_box(to_image(mask, BOX, GRID), Box((20, 20, 20), (25, 25, 25)), GRID)
    assert part.is_empty and labels.size == 0


def test_a_layer_without_voxels_is_empty():
    assert extent_box(None).is_empty and extent_box(slicer.vtkOrientedImageData()).is_empty
    part, _ = labels_in_box(slicer.vtkOrientedImageData(), BOX, GRID)
    assert part.is_empty


def test_a_layer_that_starts_elsewhere_on_the_lattice_has_an_offset():
    origin = GRID.copy()
    origin[:3, 3] = (GRID @ (2, -1, 4, 1))[:3]
    layer = to_image(random_mask(), BOX, origin)
    assert grid_offset(layer, GRID) == (-4, 1, -2)
    value_box = label_box(to_image(np.ones(BOX.shape, bool), BOX, origin), 1, GRID)
    assert value_box == BOX.shifted((4, -1, 2))


def test_another_lattice_has_no_offset():
    layer = to_image(random_mask(), BOX, GRID)
    assert grid_offset(layer, GRID @ affine(rotation((0, 0, 1), 1.0))) is None
    assert grid_offset(layer, GRID @ affine(spacing=(1, 1, 1.05))) is None
    assert grid_offset(layer, GRID @ affine(origin=(0.4, 0, 0))) is None


def test_a_fingerprint_tells_masks_apart_but_not_boxes():
    mask = random_mask()
    padded = np.pad(mask, 2)
    assert fingerprint(BOX, mask) == fingerprint(BOX.padded(2), padded)
    other = mask.copy()
    other[2, 3, 4] ^= True
    assert fingerprint(BOX, other) != fingerprint(BOX, mask)
    assert fingerprint(BOX.shifted((1, 0, 0)), mask) != fingerprint(BOX, mask)
    assert fingerprint(BOX, np.zeros(BOX.shape, bool)) == fingerprint(Box.empty(), np.zeros((0, 0, 0), bool))
