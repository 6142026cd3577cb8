import numpy as np
import pytest

from Fast3DSAM.Logic.preprocessing import TileReader, checked_voxels, normalised_channels
from Fast3DSAM.Logic.tiling import Pyramid

SIZE = 32


def _ramp(shape) -> np.ndarray:
    """Each voxel tells its own position: 1 k + 2 j - 3 i."""
    k, j, i = np.indices(shape, dtype=np.float32)
    return k + 2 * j - 3 * i


@pytest.mark.parametrize(
    ("shape", "spacing"),
    [
        ((64, 64, 64), (1, 1, 1)),
        ((90, 70, 110), (1, 1, 1)),
        ((40, 128, 128), (3, 1, 1)),
        ((128, 30, 60), (0.7, 2.5, 1.3)),
        ((20, 20, 20), (2, 2, 2)),
    ],
)
def test_a_ramp_is_read_at_the_right_place_on_every_level(shape, spacing):
    ramp = _ramp(shape)
    pyramid = Pyramid(shape, spacing, SIZE)
    reader = TileReader(ramp, pyramid)
    cells = np.indices((SIZE,) * 3).reshape(3, -1).T
    for level in pyramid.levels:
        tiles = list(pyramid.tiles(level.index))
        for tile in {tiles[0], tiles[len(tiles) // 2], tiles[-1]}:
            voxels, inside = reader.read(tile)
            at = pyramid.to_volume(tile, cells)
            # at the rim an averaged voxel repeats its neighbour; within, a ramp is averaged and interpolated exactly
            rim = np.maximum(np.array(level.scale), 1)
            amid = ((at >= rim) & (at <= np.array(shape) - 1 - rim)).all(1)
            assert amid.any()
            np.testing.assert_allclose(voxels.reshape(-1)[amid], (at @ [1, 2, -3])[amid], atol=0.02)
            good = ((at >= -0.5) & (at <= np.array(shape) - 0.5)).all(1)
            np.testing.assert_array_equal(inside.reshape(-1), good)


def test_outside_the_volume_the_nearest_voxel_is_repeated():
    volume = np.random.default_rng(0).standard_normal((8, 32, 32)).astype(np.float32)
    pyramid = Pyramid(volume.shape, (1, 1, 1), SIZE)
    (tile,) = pyramid.tiles(0)
    voxels, inside = TileReader(volume, pyramid).read(tile)
    first = int(np.flatnonzero(inside[:, 16, 16])[0])
    assert first == 12 and not inside[: first - 1].any()
    np.testing.assert_allclose(voxels[:first], np.broadcast_to(volume[0], (first, 32, 32)), atol=1e-6)


def test_a_checkerboard_is_averaged_on_coarse_levels_instead_of_aliasing():
    volume = (np.indices((128,) * 3).sum(0) % 2).astype(np.float32)
    pyramid = Pyramid(volume.shape, (1, 1, 1), SIZE)
    reader = TileReader(volume, pyramid)
    for level in pyramid.levels[:2]:
        voxels, _ = reader.read(next(iter(pyramid.tiles(level.index))))
        np.testing.assert_allclose(voxels[2:-2, 2:-2, 2:-2], 0.5, atol=1e-5)


class Watched(np.ndarray):
    """An array that notes how many voxels were asked of it."""

    asked = 0

    def __getitem__(self, index):
        found = super().__getitem__(index)
        Watched.asked += np.size(found)
        return np.asarray(found)


@pytest.mark.parametrize("edge", [64, 128, 192])
def test_a_fine_tile_reads_only_its_own_voxels_whatever_the_volume(edge):
    volume = np.zeros((edge,) * 3, np.int16).view(Watched)
    pyramid = Pyramid(volume.shape, (1, 1, 1), SIZE)
    reader = TileReader(volume, pyramid)
    level = pyramid.levels[-1]
    tile = pyramid.framing(level.index, [edge / 2] * 3, [edge / 2] * 3)
    Watched.asked = 0
    reader.read(tile)
    assert 0 < Watched.asked <= (SIZE * level.scale[0] + 6) ** 3


def test_coarse_levels_read_the_volume_once():
    volume = np.zeros((96,) * 3, np.int16).view(Watched)
    pyramid = Pyramid(volume.shape, (1, 1, 1), SIZE)
    reader = TileReader(volume, pyramid)
    Watched.asked = 0
    for level in (0, 1):
        for tile in pyramid.tiles(level):
            reader.read(tile)
    assert Watched.asked == volume.size


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16", "int32", "uint32", "float32", "float64"])
def test_common_voxel_types_are_kept_by_reference(dtype):
    volume = np.arange(27).reshape(3, 3, 3).astype(dtype)
    assert checked_voxels(volume) is volume


@pytest.mark.parametrize("dtype", ["bool", "int64", "uint64", "float16", ">i2", ">f4"])
def test_other_voxel_types_are_converted_and_can_be_read(dtype):
    volume = (np.indices((8, 8, 8)).sum(0) % 5 > 1).astype(dtype)
    checked = checked_voxels(volume)
    np.testing.assert_array_equal(checked, volume)
    pyramid = Pyramid(checked.shape, (1, 1, 1), 16)
    voxels, _ = TileReader(checked, pyramid).read(next(iter(pyramid.tiles(0))))
    assert voxels.dtype == np.float32 and voxels.max() == 1


def _tile(seed=0):
    rng = np.random.default_rng(seed)
    inside = np.ones((SIZE,) * 3, bool)
    inside[:5] = False
    return rng.gamma(2.0, 100.0, (SIZE,) * 3).astype(np.float32), inside


@pytest.mark.parametrize(("scale", "offset"), [(1, 500), (0.01, 0), (40, -1024)])
def test_channels_do_not_depend_on_the_intensity_scale(scale, offset):
    voxels, inside = _tile()
    expected = normalised_channels(voxels, inside)
    found = normalised_channels((voxels * scale + offset).astype(np.float32), inside)
    np.testing.assert_allclose(found, expected, atol=5e-3)


def test_channels_say_brighter_where_it_is_brighter():
    voxels, inside = _tile()
    channels = normalised_channels(voxels, inside)
    order = np.argsort(voxels[inside])
    for channel in channels[:2]:
        assert (np.diff(channel[inside][order]) >= -1e-6).all()
    assert channels[1].min() == -1 and channels[1].max() == 1
    assert abs(channels[0][inside].mean()) < 0.05 and channels[0][inside].std() == pytest.approx(1, abs=0.05)


def test_outside_the_volume_channels_are_at_their_lowest_and_the_third_says_so():
    voxels, inside = _tile()
    channels = normalised_channels(voxels, inside)
    np.testing.assert_array_equal(channels[2], inside)
    assert (channels[0][~inside] == channels[0].min()).all() and (channels[1][~inside] == -1).all()


def test_what_lies_outside_the_volume_does_not_change_the_inside():
    voxels, inside = _tile()
    other = np.where(inside, voxels, 1e6).astype(np.float32)
    first, second = normalised_channels(voxels, inside), normalised_channels(other, inside)
    np.testing.assert_array_equal(first[:, inside], second[:, inside])


@pytest.mark.parametrize("inside", [np.ones((SIZE,) * 3, bool), np.zeros((SIZE,) * 3, bool)])
@pytest.mark.parametrize("value", [0.0, -1024.0, 1e8])
def test_a_constant_tile_gives_finite_channels(value, inside):
    channels = normalised_channels(np.full((SIZE,) * 3, value, np.float32), inside)
    assert channels.dtype == np.float32 and channels.shape == (3, SIZE, SIZE, SIZE)
    assert np.isfinite(channels).all() and np.abs(channels).max() <= 1.01


def test_mostly_uniform_background_still_shows_the_object():
    voxels = np.full((SIZE,) * 3, -1000, np.float32)
    voxels[10:20, 10:20, 10:20] = 40
    channels = normalised_channels(voxels, np.ones(voxels.shape, bool))
    assert np.isfinite(channels).all()
    assert channels[0, 15, 15, 15] > channels[0, 0, 0, 0] + 1 and channels[1, 15, 15, 15] > channels[1, 0, 0, 0] + 0.5


@pytest.mark.parametrize("kind", ["noise", "background below", "background amid", "two values"])
def test_the_second_channel_is_the_interpolated_distribution_however_it_is_computed(kind):
    rng = np.random.default_rng(2)
    voxels = rng.normal(0, 100, (SIZE,) * 3).astype(np.float32)
    if kind == "background below":
        voxels[:20] = voxels.min()
    if kind == "background amid":
        voxels[:20] = 3.0
    if kind == "two values":
        voxels = (voxels > 0).astype(np.float32)
    found = normalised_channels(voxels, np.ones(voxels.shape, bool))[1]
    quantiles = np.quantile(voxels[::2, ::2, ::2], np.linspace(0.005, 0.995, 34)).astype(np.float32)
    steps = quantiles + np.arange(34, dtype=np.float32) * (quantiles[-1] - quantiles[0]) * 1e-5
    expected = np.interp(voxels, steps, np.linspace(-1, 1, 34))
    assert np.mean(np.abs(found - expected) > 1e-3) < 1e-3  # but for the rare voxel next to a uniform background


def test_a_volume_that_is_averaged_slab_by_slab_is_averaged_the_same(monkeypatch):
    volume = np.random.default_rng(3).integers(-1000, 1000, (101, 70, 90)).astype(np.int16)
    pyramid = Pyramid(volume.shape, (1, 1, 1), 16)
    whole = [TileReader(volume, pyramid).read(tile)[0] for tile in pyramid.tiles(1)]
    monkeypatch.setattr("Fast3DSAM.Logic.preprocessing._SLAB_VOXELS", 20_000)
    slabs = [TileReader(volume, pyramid).read(tile)[0] for tile in pyramid.tiles(1)]
    np.testing.assert_array_equal(whole, slabs)
