import numpy as np
import pytest
from PIL import Image

from Fast3DSAM.Logic.errors import InvalidPromptError, VolumeFileError
from Fast3DSAM.Logic.geometry import VolumeGeometry
from Fast3DSAM.Logic.picture import CONTOUR, NEGATIVE, POSITIVE, draw_planes

SPACING = (3.0, 1.0, 1.0)


def a_ball(shape=(20, 60, 50), centre=(10, 30, 25), radius=14.0):
    distance = sum(((x - c) * s) ** 2 for x, c, s in zip(np.ogrid[tuple(map(slice, shape))], centre, SPACING))
    mask = distance < radius**2
    noise = np.random.default_rng(0).normal(0, 8, shape)
    return (100 + 80 * mask + noise).astype(np.int16), mask


def count(path, colour, tolerance=40):
    """Pixels of about that colour."""
    pixels = np.asarray(Image.open(path).convert("RGB")).astype(int)
    wanted = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    return int((abs(pixels - wanted).sum(axis=-1) < tolerance).sum())


def test_the_picture_shows_contour_and_clicks(artefacts):
    voxels, mask = a_ball()
    geometry, path = VolumeGeometry.from_spacing(SPACING), artefacts / "picture_of_a_ball.png"
    draw_planes(voxels, geometry, mask, [(10, 30, 25)], [(10, 50, 40)], path, "A ball", "1 foreground, 1 background")
    assert count(path, CONTOUR) > 500
    assert count(path, POSITIVE) > 300
    assert count(path, NEGATIVE) > 50


def test_without_a_mask_there_is_no_contour(tmp_path):
    voxels, _ = a_ball()
    draw_planes(voxels, VolumeGeometry.from_spacing(SPACING), None, [(10, 30, 25)], [], tmp_path / "p.png")
    assert count(tmp_path / "p.png", CONTOUR) == 0
    assert count(tmp_path / "p.png", POSITIVE) > 300


def test_a_background_click_alone_is_enough(tmp_path):
    voxels, mask = a_ball()
    draw_planes(voxels, VolumeGeometry.from_spacing(SPACING), mask & False, [], [(10, 30, 25)], tmp_path / "p.png")
    assert count(tmp_path / "p.png", NEGATIVE) > 100


@pytest.mark.parametrize("fill", [0.0, np.nan])
def test_a_volume_without_contrast_is_drawn_all_the_same(tmp_path, fill):
    voxels = np.full((4, 5, 6), fill, np.float32)
    draw_planes(voxels, VolumeGeometry.from_spacing(SPACING), None, [(1, 2, 3)], [], tmp_path / "p.png")
    assert count(tmp_path / "p.png", POSITIVE) > 300


def test_one_slice_is_drawn(tmp_path):
    voxels, mask = a_ball()
    draw_planes(voxels[10:11], VolumeGeometry.from_spacing(SPACING), mask[10:11], [(0, 30, 25)], [], tmp_path / "p.png")
    assert count(tmp_path / "p.png", CONTOUR) > 100


def test_a_picture_without_a_click_is_refused(tmp_path):
    voxels, mask = a_ball()
    with pytest.raises(InvalidPromptError, match="one click"):
        draw_planes(voxels, VolumeGeometry.from_spacing(SPACING), mask, [], [], tmp_path / "p.png")


@pytest.mark.parametrize(
    ("name", "reason"), [("nowhere/p.png", "folder"), ("p.xyz", "format"), ("taken.png", "written")]
)
def test_a_picture_that_cannot_be_written_is_refused(tmp_path, name, reason):
    (tmp_path / "taken.png").mkdir()
    voxels, mask = a_ball()
    with pytest.raises(VolumeFileError, match=reason):
        draw_planes(voxels, VolumeGeometry.from_spacing(SPACING), mask, [(10, 30, 25)], [], tmp_path / name)
