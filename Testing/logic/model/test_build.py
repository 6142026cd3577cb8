from dataclasses import replace

import pytest
import torch

from Fast3DSAM.Logic.model.build import (
    build_model,
    convolutions_channels_last,
    freeze_lora,
    freeze_pretrained,
    without_clustering,
)
from Fast3DSAM.Logic.model.config import SMALL
from Testing.logic.model.networks import TINY, image, network, prompts

SAM_LIKE = replace(
    TINY, name="sam-like", patches_from_detail=False, relative_position=True, global_blocks=(1,), neck_hidden=16,
    feed_forward_on_clusters=True, position_size=4,
)  # fmt: skip


def _trained(model) -> set:
    return {name for name, parameter in model.named_parameters() if parameter.requires_grad}


def test_a_published_network_is_built_by_name():
    model = build_model("small")
    assert model.config == SMALL and 1e6 < sum(p.numel() for p in model.parameters()) < 5e6


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(ValueError, match="'huge'.*small.*vit_b"):
        build_model("huge")


def test_the_published_network_is_frozen_but_for_what_the_paper_trains():
    model = build_model(SAM_LIKE)
    freeze_pretrained(model)
    in_blocks = {n.split("blocks.")[1][2:] for n in _trained(model.image_encoder) if "blocks." in n}
    assert {"attn.qkv.down", "attn.qkv.up", "norm1.weight", "norm2.bias", "adapter.up.weight"} <= in_blocks
    assert not any(n.startswith(("mlp", "attn.qkv.qkv", "attn.proj", "attn.rel_pos")) for n in in_blocks)
    frozen = {n for n, _ in model.named_parameters()} - _trained(model)
    assert "image_encoder.patch_embed.proj.weight" in frozen and "image_encoder.patch_embed.position" in frozen
    assert "image_encoder.patch_embed.slice_position" in _trained(model)
    assert not any(n.startswith(("mask_decoder", "prompt_encoder")) for n in frozen)


def test_frozen_weights_do_not_move_and_the_others_do():
    torch.manual_seed(0)
    model = build_model(SAM_LIKE)
    freeze_pretrained(model)
    before = {n: p.detach().clone() for n, p in model.named_parameters()}
    model(image(16), prompts(16)).logits.square().mean().backward()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.grad is not None:
                parameter -= 0.1 * parameter.grad
    moved = {n for n, p in model.named_parameters() if not torch.equal(p, before[n])}
    assert moved <= _trained(model)
    assert any("qkv.up" in n for n in moved) and any("adapter.up" in n for n in moved)


def test_training_from_scratch_leaves_lora_out():
    model = build_model(TINY)
    freeze_lora(model)
    left_out = {n for n, _ in model.named_parameters()} - _trained(model)
    assert len(left_out) == 2 * TINY.depth and all(n.endswith(("qkv.down", "qkv.up")) for n in left_out)


def test_the_layout_of_convolutions_changes_no_output():
    model = network()
    before = model(image(), prompts())
    after = convolutions_channels_last(model)(image(), prompts())
    torch.testing.assert_close(after.logits, before.logits, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("config", [TINY, SAM_LIKE])
def test_the_same_weights_without_clustering_are_the_network_that_never_had_any(config):
    model = network(config)
    plain = without_clustering(model)
    assert plain.config == config.without_clustering()
    lost = set(dict(model.named_parameters())) - set(dict(plain.named_parameters()))
    assert lost == {f"image_encoder.blocks.{i}.clustering.log_sharpness" for i in range(config.depth)}
    kept = dict(model.named_parameters())
    assert all(torch.equal(p, kept[name]) for name, p in plain.named_parameters())
    assert not torch.equal(plain.embed(image()).coarse, model.embed(image()).coarse)
