import numpy as np
import pytest

from Fast3DSAM.Logic.errors import GeometryError
from Fast3DSAM.Logic.geometry import Box, VolumeGeometry, paste


def _rotation(angle: float) -> np.ndarray:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ np.array([[1, 0, 0], [0, c, -s], [0, s, c]])


def _affine(directions: np.ndarray) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, :3] = directions
    matrix[:3, 3] = (-12.5, 40, 7)
    return matrix


GRIDS = {
    "plain": np.eye(3),
    "anisotropic": np.diag([0.7, 0.8, 5.0]),
    "left-handed": np.diag([-1.0, 1.0, 1.0]),
    "oblique": _rotation(0.6) @ np.diag([0.7, 0.7, 3.0]),
    "sheared": _rotation(0.3) @ np.array([[1, 0.3, 0], [0, 1, 0.2], [0, 0, 2.0]]),
}


@pytest.mark.parametrize("name", GRIDS)
def test_positions_come_back_from_the_scene(name):
    geometry = VolumeGeometry(_affine(GRIDS[name]))
    positions = np.random.default_rng(0).uniform(-5, 50, (4, 5, 3))
    there = geometry.kji_to_ras(positions)
    assert there.shape == positions.shape
    np.testing.assert_allclose(geometry.ras_to_kji(there), positions, atol=1e-9)


@pytest.mark.parametrize("name", GRIDS)
def test_a_step_along_an_array_axis_is_the_matrix_column_of_that_axis(name):
    matrix = _affine(GRIDS[name])
    geometry = VolumeGeometry(matrix)
    for axis in range(3):
        step = geometry.kji_to_ras(np.eye(3)[axis]) - geometry.kji_to_ras([0, 0, 0])
        np.testing.assert_allclose(step, matrix[:3, 2 - axis], atol=1e-12)
        assert geometry.spacing[axis] == pytest.approx(np.linalg.norm(matrix[:3, 2 - axis]))
    np.testing.assert_allclose(geometry.kji_to_ras([0, 0, 0]), matrix[:3, 3])


def test_spacing_is_given_and_returned_in_array_order():
    geometry = VolumeGeometry.from_spacing((5, 0.8, 0.7))
    assert geometry.spacing == pytest.approx((5, 0.8, 0.7))
    np.testing.assert_allclose(geometry.kji_to_ras([1, 1, 1]), (0.7, 0.8, 5))


def test_geometries_are_values():
    first, same = (VolumeGeometry(_affine(GRIDS["oblique"])) for _ in range(2))
    assert first == same and hash(first) == hash(same) and first != VolumeGeometry(np.eye(4))
    with pytest.raises(ValueError):
        first.ijk_to_ras[0, 0] = 5


@pytest.mark.parametrize(
    "matrix",
    [
        np.eye(3),
        np.full((4, 4), np.nan),
        np.diag([1, 1, 0, 1]),
        _affine(np.array([[1, 1, 0], [0, 0, 0], [0, 0, 1.0]])),
        np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0.1, 1]]),
    ],
)
def test_a_matrix_that_is_no_grid_is_refused(matrix):
    with pytest.raises(GeometryError, match="reload|positive spacing"):
        VolumeGeometry(matrix)


@pytest.mark.parametrize("spacing", [(1, 1), (1, 0, 1), (1, -2, 1), (1, np.nan, 1)])
def test_a_spacing_that_is_none_is_quoted(spacing):
    with pytest.raises(GeometryError, match=r"not \(1"):
        VolumeGeometry.from_spacing(spacing)


def test_the_box_of_a_mask_is_tight():
    mask = np.zeros((6, 7, 8), bool)
    mask[1, 2, 3] = mask[4, 5, 3] = True
    box = Box.of_mask(mask)
    assert box == Box((1, 2, 3), (5, 6, 4)) and box.shape == (4, 4, 1)
    assert mask[box.slices].sum() == mask.sum()
    assert Box.of_mask(np.zeros((3, 3, 3), bool)).is_empty


def test_union_and_intersection_agree_with_masks():
    rng = np.random.default_rng(1)
    for _ in range(50):
        masks, boxes = [], []
        for _ in range(2):
            lo = rng.integers(0, 8, 3)
            box = Box(tuple(map(int, lo)), tuple(int(v) for v in lo + rng.integers(1, 6, 3)))
            mask = np.zeros((14,) * 3, bool)
            mask[box.slices] = True
            masks.append(mask)
            boxes.append(box)
        first, second = boxes
        assert first.union(second) == second.union(first) == Box.of_mask(masks[0] | masks[1])
        assert first.intersection(second) == second.intersection(first) == Box.of_mask(masks[0] & masks[1])


def test_an_empty_box_adds_nothing_and_has_nothing_in_common():
    box = Box((1, 2, 3), (4, 5, 6))
    assert box.union(Box.empty()) == box == Box.empty().union(box)
    assert box.intersection(Box.empty()).is_empty and box.intersection(Box((4, 2, 3), (6, 5, 6))).is_empty
    assert Box((4, 4, 4), (2, 6, 6)).shape == (0, 2, 2)


def test_padding_and_shifting_keep_the_place():
    box = Box((1, 2, 3), (4, 5, 6))
    assert box.padded(2) == Box((-1, 0, 1), (6, 7, 8)) and box.padded(2).padded(-2) == box
    assert box.shifted((1, -1, 0)) == Box((2, 1, 3), (5, 4, 6)) and box.shifted((1, -1, 0)).shape == box.shape


@pytest.mark.parametrize("target", [Box((0, 0, 0), (9, 9, 9)), Box((2, 3, 1), (4, 9, 5)), Box((7, 7, 7), (9, 9, 9))])
def test_pasting_shows_the_same_voxels_through_another_box(target):
    whole = np.random.default_rng(2).random((9, 9, 9)) < 0.5
    box = Box((1, 2, 3), (5, 7, 6))
    expected = np.zeros_like(whole)
    expected[box.slices] = whole[box.slices]
    np.testing.assert_array_equal(paste(whole[box.slices], box, target), expected[target.slices])
