from dataclasses import replace

import numpy as np
import pytest

from Fast3DSAM.Logic.embedding_cache import EmbeddingCache
from Fast3DSAM.Logic.framing import DEFAULT_POLICY
from Fast3DSAM.Logic.geometry import Box
from Fast3DSAM.Logic.preprocessing import TileReader
from Fast3DSAM.Logic.prompts import PromptSet
from Fast3DSAM.Logic.segmenter import EMPTY, MaskState, Segmenter
from Fast3DSAM.Logic.tiling import Pyramid
from Testing.logic.intensity_predictor import IntensityPredictor
from Testing.logic.volumes import ball, bright, dice


def _segmenter(volume, spacing=(1, 1, 1), tile_size=32, policy=DEFAULT_POLICY) -> Segmenter:
    predictor = IntensityPredictor(tile_size)
    reader = TileReader(volume, Pyramid(volume.shape, spacing, tile_size))
    return Segmenter(predictor, EmbeddingCache(predictor), "volume", reader, policy)


def _whole(state: MaskState, shape) -> np.ndarray:
    mask = np.zeros(shape, bool)
    mask[state.box.slices] = state.mask
    return mask


CASES = {
    "small ball": ((96, 96, 96), (1, 1, 1), (30, 60, 50), 8),
    "ball at the corner": ((96, 96, 96), (1, 1, 1), (2, 93, 4), 14),
    "large ball": ((96, 96, 96), (1, 1, 1), (50, 44, 48), 40),
    "thick slices": ((24, 96, 96), (4, 1, 1), (10, 40, 60), 14),
    "slices along the last axis": ((96, 80, 20), (0.8, 1, 5), (40, 40, 9), 16),
    "flat volume": ((6, 128, 128), (5, 0.7, 0.7), (3, 60, 80), 12),
}


@pytest.mark.parametrize("name", CASES)
def test_one_click_gives_the_whole_object_in_its_place(name):
    shape, spacing, centre, radius = CASES[name]
    truth = ball(shape, centre, radius, spacing)
    segmenter = _segmenter(bright(truth), spacing)
    state = segmenter.state(PromptSet().with_point(centre))
    assert state.box == Box.of_mask(_whole(state, shape))
    assert dice(_whole(state, shape), truth) > 0.9


@pytest.mark.parametrize("offset", np.eye(3, dtype=int).tolist())
def test_moving_object_and_click_moves_the_mask_as_far(offset):
    """A shift by whole tile steps must give the same voxels: half a voxel of slip on any level would show."""
    shape, centre, shift = (128, 128, 128), np.array((50, 50, 50)), 16 * np.array(offset)
    masks = []
    for place in (centre, centre + shift):
        segmenter = _segmenter(bright(ball(shape, place, 9)))
        masks.append(_whole(segmenter.state(PromptSet().with_point(place)), shape))
    assert dice(np.roll(masks[0], shift, (0, 1, 2)), masks[1]) > 0.97


def test_a_mask_is_not_shifted_against_its_object():
    for radius in (5, 9, 17, 30, 45):
        truth = ball((120, 120, 120), (61.0, 58.0, 60.0), radius)
        state = _segmenter(bright(truth)).state(PromptSet().with_point((61, 58, 60)))
        centroid = np.argwhere(_whole(state, truth.shape)).mean(0)
        assert np.abs(centroid - np.argwhere(truth).mean(0)).max() < 0.35, radius


@pytest.mark.parametrize("share, is_filled", [(0.0, False), (DEFAULT_POLICY.second_share, True)])
def test_what_one_level_narrowly_misses_the_level_beside_it_fills_in(share, is_filled):
    volume = bright(ball((64, 64, 64), (32, 32, 32), 12))
    volume[30:34, 30:34, 36] = 0.48  # just too dark at full resolution, bright enough as part of a larger voxel
    segmenter = _segmenter(volume, policy=replace(DEFAULT_POLICY, second_share=share))
    mask = _whole(segmenter.state(PromptSet().with_point((32, 32, 28))), volume.shape)
    assert mask[30:34, 30:34, 36].all() == is_filled
    assert dice(mask, volume > 0.4) > 0.95


def test_an_object_over_most_of_the_volume_comes_out_whole_without_seams():
    truth = np.zeros((150, 100, 140), bool)
    truth[6:144, 5:95, 7:133] = True
    state = _segmenter(bright(truth)).state(PromptSet().with_point((75, 50, 70)))
    mask = _whole(state, truth.shape)
    assert dice(mask, truth) > 0.95
    assert mask[15:135, 14:86, 16:124].all()


def test_a_long_object_is_followed_over_the_rim_of_the_finest_tile():
    truth = np.zeros((40, 40, 160), bool)
    truth[9:31, 9:31, 8:152] = True
    state = _segmenter(bright(truth)).state(PromptSet().with_point((20, 20, 20)))
    mask = _whole(state, truth.shape)
    assert state.box.lo[2] <= 12 and state.box.hi[2] >= 148 and dice(mask, truth) > 0.8
    assert mask[14:26, 14:26, 14:146].all()


def _thread() -> np.ndarray:
    """A straight tube of 5 voxels across the volume."""
    truth = np.zeros((64, 64, 64), bool)
    truth[3:61, 30:35, 30:35] = True
    return truth


@pytest.mark.parametrize("tiles, is_sharp", [(0, False), (2, False), (3, True)])  # three cover it
def test_a_long_thin_object_is_drawn_with_voxels_finer_than_those_that_frame_it(tiles, is_sharp):
    truth = _thread()
    segmenter = _segmenter(bright(truth), policy=replace(DEFAULT_POLICY, refine_tiles=tiles))
    state = segmenter.state(PromptSet().with_point((32, 32, 32)))
    assert state.tile.level == 0 and segmenter.pyramid.levels[0].voxel_mm == 2
    assert np.array_equal(_whole(state, truth.shape), truth) == is_sharp


def test_what_would_take_more_tiles_than_a_click_may_cost_stays_and_is_not_even_looked_at(monkeypatch):
    truth = np.zeros((64, 64, 64), bool)
    truth[3:61, 3:61, 3:61] = True
    decoded, looked, look = {}, {}, Segmenter._prompts_on
    for tiles in (0, DEFAULT_POLICY.refine_tiles, 1000):
        seen = []
        monkeypatch.setattr(Segmenter, "_prompts_on", lambda *a, seen=seen: seen.append(a) or look(*a))
        segmenter = _segmenter(bright(truth), policy=replace(DEFAULT_POLICY, refine_tiles=tiles))
        segmenter.state(PromptSet().with_point((32, 32, 32)))
        decoded[tiles], looked[tiles] = segmenter._predictor.decoded, len(seen)
    assert decoded[DEFAULT_POLICY.refine_tiles] == decoded[0] and decoded[1000] == decoded[0] + 27
    assert looked[DEFAULT_POLICY.refine_tiles] == looked[0] + DEFAULT_POLICY.refine_tiles + 1


def test_the_level_follows_the_object():
    shape = (160, 160, 160)
    levels = []
    for radius in (5, 20, 70):
        state = _segmenter(bright(ball(shape, (80, 80, 80), radius))).state(PromptSet().with_point((80, 80, 80)))
        levels.append(state.tile.level)
    assert levels[0] > levels[1] > levels[2] == 0


def test_a_click_on_the_background_takes_a_region_away():
    big, core = ball((80, 80, 80), (40, 40, 40), 20), ball((80, 80, 80), (40, 40, 34), 7)
    volume = np.where(core, 1.3, bright(big)).astype(np.float32)
    segmenter = _segmenter(volume)
    one = PromptSet().with_point((40, 40, 50))
    with_core = _whole(segmenter.state(one), volume.shape)
    assert with_core[40, 40, 34] and dice(with_core, big) > 0.9
    # the click's own tolerance reaches from the core's 1.3 down to the ball's 1.0, so both go
    gone = segmenter.state(one.with_point((40, 40, 34), False))
    assert gone.mask.sum() < 0.2 * with_core.sum()


def test_a_second_click_adds_a_second_part():
    first, second = ball((96, 96, 96), (30, 40, 40), 9), ball((96, 96, 96), (62, 40, 40), 9)
    volume = bright(first | second)
    segmenter = _segmenter(volume, tile_size=64)
    prompts = PromptSet().with_point((30, 40, 40))
    assert not _whole(segmenter.state(prompts), volume.shape)[second].any()
    both = _whole(segmenter.state(prompts.with_point((62, 40, 40))), volume.shape)
    assert dice(both, first | second) > 0.85


def test_a_box_picks_out_what_lies_in_it():
    truth = ball((96, 96, 96), (30, 40, 50), 10)
    state = _segmenter(bright(truth)).state(PromptSet().with_box((18, 28, 38), (42, 52, 62)))
    assert dice(_whole(state, truth.shape), truth) > 0.9


def test_a_box_clips_an_object_that_goes_on():
    truth = np.zeros((96, 96, 96), bool)
    truth[20:40, 20:40, 5:90] = True
    state = _segmenter(bright(truth)).state(PromptSet().with_box((18, 18, 30), (42, 42, 60)))
    assert state.box.lo[2] >= 28 and state.box.hi[2] <= 63


def test_a_scribble_counts_as_its_points():
    first, second = ball((96, 96, 96), (30, 40, 40), 9), ball((96, 96, 96), (62, 40, 40), 9)
    stroke = [(30 + 8 * step, 40, 40) for step in (0, 4)]
    state = _segmenter(bright(first | second), tile_size=64).state(PromptSet().with_scribble(stroke))
    assert dice(_whole(state, first.shape), first | second) > 0.85


def test_an_initial_mask_comes_back_exactly():
    mask = np.random.default_rng(0).random((60, 60, 60)) < 0.1
    segmenter = _segmenter(bright(ball(mask.shape, (30, 30, 30), 10)))
    np.testing.assert_array_equal(_whole(segmenter.state(PromptSet().with_mask(mask)), mask.shape), mask)


def test_what_an_initial_mask_has_beyond_the_tile_stays():
    shape = (160, 160, 160)
    near, far = ball(shape, (30, 30, 30), 8), np.random.default_rng(0).random(shape) < 0.1
    far[:110] = False
    segmenter = _segmenter(bright(near))
    state = segmenter.state(PromptSet().with_mask(far).with_box((20, 20, 20), (40, 40, 40)))
    mask = _whole(state, shape)
    assert state.tile.level > 0 and not segmenter.pyramid.box_of(state.tile).intersection(Box.of_mask(far)).shape[0]
    np.testing.assert_array_equal(mask[110:], far[110:])
    assert dice(mask[:110], near[:110]) > 0.9


def test_a_click_adds_to_an_initial_mask():
    shape = (128, 128, 128)
    given, clicked = ball(shape, (36, 40, 40), 16), ball(shape, (90, 90, 90), 16)
    segmenter = _segmenter(bright(clicked), tile_size=64)
    state = segmenter.state(PromptSet().with_mask(given).with_point((90, 90, 90)))
    assert dice(_whole(state, shape), given | clicked) > 0.9


def test_an_initial_mask_survives_a_click_on_the_background_elsewhere():
    shape = (128, 128, 128)
    mine = ball(shape, (40, 40, 40), 16)
    segmenter = _segmenter(bright(ball(shape, (90, 90, 90), 16)), tile_size=64)
    state = segmenter.state(PromptSet().with_mask(mine).with_point((90, 90, 90), False))
    assert dice(_whole(state, shape), mine) > 0.9


def test_no_prompts_give_an_empty_mask():
    assert _segmenter(bright(ball((40, 40, 40), (20, 20, 20), 8))).state(PromptSet()) is EMPTY


def test_only_background_clicks_give_an_empty_mask():
    segmenter = _segmenter(bright(ball((40, 40, 40), (20, 20, 20), 8)))
    prompts = PromptSet().with_point((20, 20, 20), False)
    assert segmenter.state(prompts).box.is_empty
    assert segmenter.state(prompts.with_point((2, 2, 2), False)).box.is_empty
    assert not segmenter.state(prompts.with_point((20, 20, 20), False).with_point((2, 2, 2))).box.is_empty


def test_a_known_prompt_set_costs_no_decode():
    segmenter = _segmenter(bright(ball((64, 64, 64), (30, 30, 30), 10)))
    prompts = PromptSet().with_point((30, 30, 30)).with_point((33, 30, 30))
    first = segmenter.state(prompts)
    decoded = segmenter._predictor.decoded
    assert segmenter.state(prompts) is first and segmenter.state(prompts.without(2)) is not first
    assert segmenter._predictor.decoded == decoded


def test_the_place_of_most_doubt_lies_in_the_volume_and_away_from_the_clicks():
    rng = np.random.default_rng(0)
    truth = ball((64, 64, 64), (30, 30, 30), 12)
    volume = (bright(truth) + rng.normal(0, 0.1, truth.shape)).astype(np.float32)
    segmenter = _segmenter(volume)
    prompts = PromptSet().with_point((30, 30, 30))
    state = segmenter.state(prompts)
    place = segmenter.least_certain(state, prompts)
    assert (np.array(place) >= 0).all() and (np.array(place) <= 63).all()
    again = segmenter.least_certain(state, prompts.with_point(place))
    tile_voxel = segmenter.pyramid.levels[state.tile.level].scale[0]
    assert np.linalg.norm(np.subtract(again, place)) >= 5 * tile_voxel


def test_the_place_of_most_doubt_is_the_vague_region():
    truth = ball((64, 64, 64), (32, 32, 32), 14)
    volume = bright(truth)
    vague = np.zeros_like(truth)
    vague[28:37, 28:37, 38:44] = True
    volume[vague & truth] = 0.52
    segmenter = _segmenter(volume)
    prompts = PromptSet().with_point((32, 32, 24))
    place = np.rint(segmenter.least_certain(segmenter.state(prompts), prompts)).astype(int)
    lo, hi = Box.of_mask(vague).padded(4).lo, Box.of_mask(vague).padded(4).hi
    assert (place >= lo).all() and (place < hi).all()


def test_there_is_no_doubt_before_the_first_click():
    segmenter = _segmenter(bright(ball((40, 40, 40), (20, 20, 20), 8)))
    assert segmenter.least_certain(EMPTY, PromptSet()) is None
