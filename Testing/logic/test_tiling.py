import numpy as np
import pytest
from scipy import ndimage

from Fast3DSAM.Logic.geometry import Box
from Fast3DSAM.Logic.tiling import Pyramid, Tile, resample_grid

VOLUMES = {
    "cube": ((64, 64, 64), (1.0, 1.0, 1.0)),
    "odd": ((50, 71, 93), (1.0, 1.0, 1.0)),
    "flat": ((12, 120, 100), (5.0, 0.7, 0.7)),
    "long": ((200, 40, 30), (0.9, 1.1, 1.3)),
    "smaller than a tile": ((9, 14, 20), (2.0, 2.0, 2.0)),
    "two slices": ((2, 64, 64), (1.0, 1.0, 1.0)),
}


@pytest.fixture(params=VOLUMES)
def pyramid(request) -> Pyramid:
    return Pyramid(*VOLUMES[request.param], tile_size=32)


def _random_positions(pyramid: Pyramid) -> np.ndarray:
    return np.random.default_rng(0).uniform(-0.5, np.array(pyramid.shape) - 0.5, (50, 3))


def test_level_0_frames_the_whole_volume_in_one_tile(pyramid):
    (tile,) = pyramid.tiles(0)
    assert pyramid.box_of(tile) == Box((0, 0, 0), pyramid.shape)
    assert max(pyramid.levels[0].shape) == pyramid.tile_size


def test_each_level_halves_the_voxel_down_to_the_native_one(pyramid):
    sizes = [level.voxel_mm for level in pyramid.levels]
    np.testing.assert_allclose(np.array(sizes[:-1]) / sizes[1:], 2)
    assert sizes[-1] <= 0.71 * pyramid.spacing.min()
    assert len(sizes) == 1 or sizes[-2] > 0.71 * pyramid.spacing.min()


def test_levels_are_isotropic_in_millimetres(pyramid):
    for level in pyramid.levels:
        np.testing.assert_allclose(np.array(level.scale) * pyramid.spacing, level.voxel_mm)


def test_positions_come_back_from_a_tile(pyramid):
    positions = _random_positions(pyramid)
    for level in pyramid.levels:
        for tile in pyramid.tiles(level.index):
            np.testing.assert_allclose(pyramid.to_volume(tile, pyramid.to_tile(tile, positions)), positions, atol=1e-9)


def test_the_corner_of_the_volume_is_the_corner_of_every_level(pyramid):
    for level in pyramid.levels:
        tile = Tile(level.index, (0, 0, 0))
        np.testing.assert_allclose(pyramid.to_volume(tile, [-0.5] * 3), [-0.5] * 3, atol=1e-9)


def test_the_tiles_of_a_level_cover_every_voxel(pyramid):
    for level in pyramid.levels:
        seen = np.zeros(pyramid.shape, bool)
        for tile in pyramid.tiles(level.index):
            seen[pyramid.box_of(tile).slices] = True
        assert seen.all()


def test_neighbouring_tiles_overlap_by_half_at_least(pyramid):
    for level in pyramid.levels:
        for axis in range(3):
            origins = sorted({tile.origin[axis] for tile in pyramid.tiles(level.index)})
            assert all(0 < step <= pyramid.tile_size // 2 for step in np.diff(origins))


def test_box_of_holds_exactly_the_voxels_whose_centres_lie_in_the_tile():
    pyramid = Pyramid((50, 71, 93), (1.5, 1.0, 1.0), tile_size=32)
    for level in pyramid.levels:
        for tile in pyramid.tiles(level.index):
            for axis, count in enumerate(pyramid.shape):
                line = np.zeros((count, 3))
                line[:, axis] = np.arange(count)
                place = pyramid.to_tile(tile, line)[:, axis]
                within = np.flatnonzero((place >= -0.5 - 1e-9) & (place < pyramid.tile_size - 0.5 - 1e-9))
                box = pyramid.box_of(tile)
                assert (box.lo[axis], box.hi[axis]) == (within[0], within[-1] + 1)


def test_a_framing_tile_stays_inside_the_volume_and_holds_the_click(pyramid):
    for position in _random_positions(pyramid):
        for level in pyramid.levels:
            tile = pyramid.framing(level.index, position, position)
            place = pyramid.to_tile(tile, position)
            assert (place >= -0.5).all() and (place <= pyramid.tile_size - 0.5).all()
            for origin, count in zip(tile.origin, level.shape):
                if count >= pyramid.tile_size:
                    assert 0 <= origin <= count - pyramid.tile_size
                else:
                    assert origin <= 0 and origin + pyramid.tile_size >= count


def test_neighbouring_clicks_share_a_framing_tile():
    pyramid = Pyramid((256, 256, 256), (1.0, 1.0, 1.0), tile_size=32)
    level = len(pyramid.levels) - 1
    line = np.linspace(100, 140, 400)
    tiles = {pyramid.framing(level, (p, 128, 128), (p, 128, 128)) for p in line}
    assert len(tiles) <= 2 + 40 / pyramid.levels[level].scale[0] / (pyramid.tile_size // 4)


def test_framing_puts_a_box_amid_the_tile():
    pyramid = Pyramid((256, 256, 256), (1.0, 1.0, 1.0), tile_size=32)
    lo, hi = np.array((100.0, 120, 90)), np.array((120.0, 130, 100))
    tile = pyramid.framing(2, lo, hi)
    centre = pyramid.to_tile(tile, (lo + hi) / 2)
    assert np.abs(centre - (pyramid.tile_size - 1) / 2).max() <= pyramid.tile_size / 8 + 0.5


def test_covering_names_the_tiles_that_touch_a_box():
    pyramid = Pyramid((128, 128, 128), (1.0, 1.0, 1.0), tile_size=32)
    box = Box((40, 40, 40), (44, 44, 44))
    found = pyramid.covering(2, box)
    assert found and set(found) < set(pyramid.tiles(2))
    assert {t for t in pyramid.tiles(2) if not pyramid.box_of(t).intersection(box).is_empty} == set(found)


@pytest.mark.parametrize("shape", [(5, 6, 7), (1, 6, 7), (2, 2, 2)])
def test_resampling_a_grid_is_linear_interpolation_with_repeated_edges(shape):
    rng = np.random.default_rng(3)
    values = rng.standard_normal(shape).astype(np.float32)
    starts, steps, out = rng.uniform(-3, 3, 3), rng.uniform(0.2, 1.7, 3), (9, 4, 11)
    at = np.stack(np.meshgrid(*(s + d * np.arange(n) for s, d, n in zip(starts, steps, out)), indexing="ij"))
    expected = ndimage.map_coordinates(values, at, order=1, mode="nearest")
    np.testing.assert_allclose(resample_grid(values, starts, steps, out), expected, atol=2e-5)


def test_resampling_at_the_voxels_changes_nothing():
    values = np.random.default_rng(4).standard_normal((4, 5, 6)).astype(np.float32)
    np.testing.assert_array_equal(resample_grid(values, (0, 0, 0), (1, 1, 1), values.shape), values)
