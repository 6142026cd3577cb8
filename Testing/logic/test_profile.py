from dataclasses import replace

import pytest

from Fast3DSAM.Logic.model.config import SMALL, VIT_B
from Fast3DSAM.Logic.profile import BOXES, profile_network


@pytest.fixture(scope="module")
def vit_b():
    return {clustering: profile_network(VIT_B, clustering, repeats=0) for clustering in (True, False)}


def box(cost, name):
    return next(b for b in cost.boxes if b.name == name)


def test_vit_b_stays_within_its_aims_on_a_tile_of_128(vit_b):
    cost = vit_b[True]
    assert cost.size == 128
    assert cost.trained <= 6e6
    assert cost.macs_once <= 200e9
    assert cost.macs_per_click <= 15e9


def test_clustering_saves_at_least_half_of_what_attention_costs(vit_b):
    with_it = vit_b[True].macs_of("attention", "token clustering")
    assert with_it <= 0.5 * vit_b[False].macs_of("attention")
    assert vit_b[False].macs_of("token clustering") == 0
    assert vit_b[True].macs_per_click == vit_b[False].macs_per_click


def test_every_parameter_is_in_one_box():
    from Fast3DSAM.Logic.model.build import build_model

    cost = profile_network(SMALL, repeats=0)
    assert [b.name for b in cost.boxes] == list(BOXES)
    assert cost.parameters == sum(p.numel() for p in build_model(SMALL).parameters())
    lora = SMALL.depth * 2 * 2 * SMALL.lora_rank * SMALL.width  # it waits for fine-tuning
    assert cost.parameters - cost.trained == lora


def test_macs_agree_with_a_count_by_hand():
    config, tokens, super_tokens, width = SMALL, 8**3, 4**3, 128
    cost = profile_network(config, repeats=0)
    assert box(cost, "feed-forward").macs == config.depth * tokens * 2 * width * 3 * width
    attention = super_tokens * 4 * width * width + 2 * super_tokens**2 * width
    assert box(cost, "attention").macs == config.depth * attention
    centres = 8 * tokens * width  # one product of the tokens of all windows with the centres of their own
    assert box(cost, "token clustering").macs == config.depth * (2 * config.cluster_iterations + 1) * centres
    dense = profile_network(config, clustering=False, repeats=0)
    assert box(dense, "attention").macs == config.depth * (tokens * 4 * width * width + 2 * tokens**2 * width)


def test_a_larger_tile_costs_more_and_the_same_parameters():
    small, large = (profile_network(SMALL, size=size, repeats=0) for size in (64, 128))
    assert large.parameters == small.parameters
    assert large.macs_once > 7 * small.macs_once


def test_what_sam_brings_is_not_trained(vit_b):
    cost = vit_b[True]
    assert box(cost, "feed-forward").trained == 12 * 2 * 768
    assert box(cost, "adapter").trained == box(cost, "adapter").parameters
    assert 0 < box(cost, "attention").trained < 0.01 * box(cost, "attention").parameters


def test_seconds_are_measured_if_asked_for():
    tiny = replace(SMALL, name="tiny", tile_size=32, width=32, depth=1, heads=2)
    cost = profile_network(tiny, repeats=1)
    assert cost.seconds_once > 0 and cost.seconds_per_click > 0
    assert cost.to_dict()["macs_once"] == cost.macs_once
    unmeasured = profile_network(tiny, repeats=0)
    assert unmeasured.seconds_once != unmeasured.seconds_once


@pytest.mark.parametrize("size", [8, 60])
def test_a_size_that_patches_do_not_fill_is_refused(size):
    with pytest.raises(ValueError, match=f"{size} must be a multiple of 8"):
        profile_network(SMALL, size=size, repeats=0)


def test_the_boxes_together_are_torchs_total():
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from Fast3DSAM.Logic.model.build import build_model

    model = build_model(replace(SMALL, name="tiny", tile_size=32, width=32, depth=1, heads=2, lora_rank=0)).to("meta")
    with FlopCounterMode(display=False) as counter:
        model.embed(torch.zeros(1, 3, 32, 32, 32, device="meta"))
    assert profile_network(model.config, repeats=0).macs_once == counter.get_total_flops() // 2
