import numpy as np
import pytest

from Fast3DSAM.Logic.framing import Framer, FramingPolicy, ObjectExtent
from Fast3DSAM.Logic.prediction import TilePrediction
from Fast3DSAM.Logic.tiling import Pyramid, Tile

PYRAMID = Pyramid((256, 256, 256), (1.0, 1.0, 1.0), tile_size=32)
POLICY = FramingPolicy()
FRAMER = Framer(PYRAMID, POLICY)


def _logits(lo, hi) -> np.ndarray:
    """A block from `lo` to `hi` in sixteenths of a tile."""
    logits = np.full((32, 32, 32), -1, np.float32)
    logits[tuple(slice(2 * a, 2 * b) for a, b in zip(lo, hi))] = 1
    return logits


def test_an_extent_is_where_the_mask_lies_in_the_volume():
    tile = Tile(2, (8, 16, 24))
    extent = FRAMER.extent(tile, _logits((2, 3, 4), (6, 7, 9)))
    scale = PYRAMID.levels[2].scale[0]
    np.testing.assert_allclose(extent.lo, (np.array(tile.origin) + (4, 6, 8)) * scale - 0.5)
    np.testing.assert_allclose(extent.hi, (np.array(tile.origin) + (12, 14, 18)) * scale - 0.5)
    assert extent.voxels == 8 * 8 * 10 and not extent.is_cut


def test_an_empty_mask_has_no_extent():
    assert FRAMER.extent(Tile(0, (0, 0, 0)), np.full((32, 32, 32), -1, np.float32)) is None


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_mask_that_touches_the_tile_where_the_volume_goes_on_is_cut(axis):
    lo, hi = [5, 5, 5], [9, 9, 9]
    lo[axis] = 0
    last = PYRAMID.levels[2].shape[axis] - 32
    first = Tile(2, (0, 0, 0))
    inner = Tile(2, tuple(8 if a == axis else 0 for a in range(3)))
    assert FRAMER.extent(inner, _logits(lo, hi)).is_cut and not FRAMER.extent(first, _logits(lo, hi)).is_cut
    lo[axis], hi[axis] = 12, 16
    final = Tile(2, tuple(last if a == axis else 0 for a in range(3)))
    assert FRAMER.extent(inner, _logits(lo, hi)).is_cut and not FRAMER.extent(final, _logits(lo, hi)).is_cut


def test_nothing_is_cut_on_the_level_that_frames_the_volume():
    assert not FRAMER.extent(Tile(0, (0, 0, 0)), _logits((0, 0, 0), (16, 16, 16))).is_cut


def test_a_first_click_has_one_candidate_per_level_that_holds_it():
    position = (200.3, 10, 255)
    candidates = FRAMER.candidates(position)
    assert [tile.level for tile in candidates] == [level.index for level in PYRAMID.levels]
    for tile in candidates:
        place = PYRAMID.to_tile(tile, position)
        assert (place >= -0.5).all() and (place <= 31.5).all()


def test_empty_cut_and_tiny_masks_score_less_and_those_that_a_neighbour_level_confirms_more():
    tile = Tile(2, (8, 8, 8))
    good = FRAMER.score(tile, TilePrediction(_logits((4, 4, 4), (10, 10, 10)), 0.8))
    cut = FRAMER.score(tile, TilePrediction(_logits((0, 4, 4), (10, 10, 10)), 0.8))
    tiny = FRAMER.score(tile, TilePrediction(_logits((4, 4, 4), (5, 5, 5)), 0.8))
    empty = FRAMER.score(tile, TilePrediction(np.full((16, 16, 16), -1, np.float32), 1.0))
    assert good > cut > empty and good > tiny > empty
    unsure = TilePrediction(_logits((4, 4, 4), (10, 10, 10)), 0.5)
    assert FRAMER.score(tile, unsure) < good < FRAMER.score(tile, unsure, agreement=0.9)


@pytest.mark.parametrize("edge", [3, 8, 17, 40, 100, 250])
def test_the_level_follows_the_size_of_the_object(edge):
    lo, hi = np.full(3, 128 - edge / 2), np.full(3, 128 + edge / 2)
    tile = FRAMER.tile_for(lo, hi)
    filled = edge / PYRAMID.levels[tile.level].scale[0] / 32
    is_finest = tile.level == len(PYRAMID.levels) - 1
    assert filled <= POLICY.largest or tile.level == 0
    assert filled > POLICY.largest / 2 or is_finest
    assert (PYRAMID.to_tile(tile, lo) >= -0.5).all() and (PYRAMID.to_tile(tile, hi) <= 31.5).all()


def test_a_tile_that_holds_the_object_well_is_kept():
    tile = Tile(2, (8, 8, 8))
    lo, hi = PYRAMID.to_volume(tile, [8] * 3), PYRAMID.to_volume(tile, [24] * 3)
    assert FRAMER.next_tile(tile, lo, hi) == tile


def test_the_next_tile_zooms_in_on_a_small_object_and_out_on_a_large_one():
    tile = Tile(2, (8, 8, 8))
    small = PYRAMID.to_volume(tile, [[14] * 3, [19] * 3])
    large = PYRAMID.to_volume(tile, [[-20] * 3, [50] * 3])
    assert FRAMER.next_tile(tile, *small).level > 2 and FRAMER.next_tile(tile, *large).level < 2


def test_the_next_tile_follows_an_object_over_the_rim():
    tile = Tile(2, (8, 8, 8))
    lo, hi = PYRAMID.to_volume(tile, [[14, 14, 18], [28, 28, 32]])
    moved = FRAMER.next_tile(tile, lo, hi)
    assert moved != tile
    assert (PYRAMID.to_tile(moved, lo) >= 0).all() and (PYRAMID.to_tile(moved, hi) <= 31).all()


def test_the_volumes_own_border_is_no_reason_to_move():
    tile = Tile(2, (0, 0, 0))
    lo, hi = PYRAMID.to_volume(tile, [[-0.5] * 3, [20] * 3])
    assert FRAMER.next_tile(tile, lo, hi) == tile


def test_coarser_ends_at_level_0():
    assert FRAMER.coarser(Tile(3, (8, 8, 8)), [40] * 3, [60] * 3).level == 2
    assert FRAMER.coarser(Tile(0, (0, 0, 0)), [40] * 3, [60] * 3) is None


def _extent(tile: Tile, edges) -> ObjectExtent:
    """As large as `edges` in shares of the tile, around its middle."""
    lo, hi = (PYRAMID.to_volume(tile, 15.5 + sign * 16 * np.asarray(edges)) for sign in (-1, 1))
    return ObjectExtent(tuple(lo), tuple(hi), 1000, False)


def test_a_mask_of_coarse_voxels_is_drawn_anew_at_any_price():
    assert PYRAMID.levels[0].voxel_mm > POLICY.refine_above
    assert FRAMER.refining_budget(Tile(0, (0, 0, 0)), _extent(Tile(0, (0, 0, 0)), (0.1, 0.1, 0.1))) == np.inf


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_long_mask_of_finer_voxels_is_drawn_anew_on_a_few_tiles_and_a_short_one_is_not(axis):
    tile = Tile(2, (8, 8, 8))
    assert PYRAMID.levels[2].voxel_mm < POLICY.refine_above
    thin = [0.05] * 3
    thin[axis] = POLICY.refine_from + 0.01
    assert FRAMER.refining_budget(tile, _extent(tile, thin)) == POLICY.refine_tiles
    thin[axis] = POLICY.refine_from - 0.01
    assert FRAMER.refining_budget(tile, _extent(tile, thin)) == 0


def test_nothing_is_finer_than_the_finest_level():
    finest = Tile(len(PYRAMID.levels) - 1, (8, 8, 8))
    assert FRAMER.refining_budget(finest, _extent(finest, (1, 1, 1))) == 0
