"""Against the real `segment-anything` package, with random weights and few blocks."""

import importlib
import importlib.util
import sys
import types
from dataclasses import replace
from functools import partial

import pytest
import torch
from torch import nn

from Fast3DSAM.Logic.errors import CheckpointError
from Fast3DSAM.Logic.model.build import freeze_pretrained
from Fast3DSAM.Logic.model.config import SMALL, VIT_B
from Fast3DSAM.Logic.model.fast3dsam import Fast3DSAM
from Fast3DSAM.Logic.model.sam_weights import fill_with_sam, import_sam

SLICE = 128  # edge of our slice; SAM gets it doubled, which makes 16 x 16 tokens: more than a window of 14
CONFIG = replace(
    VIT_B, name="tiny", width=48, depth=3, heads=4, position_size=16, global_blocks=(1,), neck_hidden=32, neck_width=24
)
DENSE = replace(CONFIG, clustering=False)


@pytest.fixture(scope="module")
def sam_encoder():
    """SAM's `ImageEncoderViT` with random weights; its package imports torchvision at the top, its encoder does not."""
    found = importlib.util.find_spec("segment_anything")
    if found is None:
        pytest.skip("segment-anything is not installed")
    package = types.ModuleType("segment_anything_modeling")
    package.__path__ = [f"{found.submodule_search_locations[0]}/modeling"]
    sys.modules[package.__name__] = package
    encoder = importlib.import_module(f"{package.__name__}.image_encoder").ImageEncoderViT(
        img_size=2 * SLICE,
        patch_size=16,
        embed_dim=48,
        depth=3,
        num_heads=4,
        out_chans=32,
        norm_layer=partial(nn.LayerNorm, eps=1e-6),
        use_rel_pos=True,
        window_size=14,
        global_attn_indexes=(1,),
    )
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in encoder.named_parameters():
            around = 1.0 if "norm" in name and name.endswith("weight") else 0.0
            parameter.copy_(around + 0.2 * torch.randn(parameter.shape, generator=generator))
    return encoder.eval()


@pytest.fixture(scope="module")
def sam_state(sam_encoder):
    state = {f"image_encoder.{name}": tensor for name, tensor in sam_encoder.state_dict().items()}
    return {**state, "mask_decoder.iou_token.weight": torch.zeros(1, 32), "prompt_encoder.no_mask_embed.weight": None}


@pytest.fixture(scope="module")
def dense(sam_state):
    model = Fast3DSAM(DENSE)
    fill_with_sam(model, sam_state)
    return model.eval()


@pytest.fixture(scope="module")
def grey_slice():
    return torch.randn(1, 1, SLICE, SLICE, generator=torch.Generator().manual_seed(1))


def tile_of(grey):
    """A tile of one token slice: the same grey slice `patch_size` times."""
    return grey[:, :, None].expand(-1, 3, DENSE.patch_size, -1, -1).contiguous()


def outputs_of(blocks, run):
    kept = []
    hooks = [block.register_forward_hook(lambda _, __, output: kept.append(output)) for block in blocks]
    with torch.no_grad():
        result = run()
    for hook in hooks:
        hook.remove()
    return kept, result


@pytest.fixture(scope="module")
def both(sam_encoder, dense, grey_slice):
    doubled = nn.functional.interpolate(grey_slice, scale_factor=2.0, mode="bilinear", align_corners=False)
    theirs = outputs_of(sam_encoder.blocks, lambda: sam_encoder(doubled.expand(-1, 3, -1, -1)))
    encoder, tile = dense.image_encoder, tile_of(grey_slice)

    def wide_embedding():
        tokens = encoder.patch_embed(tile, encoder.stem(tile)[1])
        for block in encoder.blocks:
            tokens = block(tokens)
        return encoder.neck.wide(tokens)

    return theirs, outputs_of(encoder.blocks, wide_embedding)


@pytest.mark.parametrize("block", range(3))
def test_without_clustering_every_block_of_one_slice_equals_sams(both, block):
    (theirs, _), (ours, _) = both
    assert ours[block].shape == (1, 1, 16, 16, 48)
    assert theirs[block].std() > 0.3
    torch.testing.assert_close(ours[block][:, 0], theirs[block], atol=1e-4, rtol=0)


def test_the_neck_of_one_slice_equals_sams(both):
    (_, theirs), (_, ours) = both
    assert theirs.std() > 0.1
    torch.testing.assert_close(ours[:, 0].permute(0, 3, 1, 2), theirs, atol=1e-4, rtol=0)


def test_slices_do_not_see_each_other_before_adapters_are_trained(dense, grey_slice):
    encoder = dense.image_encoder
    with torch.no_grad():
        tile = torch.cat([tile_of(grey_slice), torch.zeros_like(tile_of(grey_slice))], 2)
        alone, beside = (encoder.patch_embed(image, encoder.stem(image)[1]) for image in (tile[:, :, :8], tile))
        for block in encoder.blocks:
            alone, beside = block(alone), block(beside)
    torch.testing.assert_close(beside[:, :1], alone)
    assert not torch.allclose(beside[:, 1:], alone)


def test_clustering_changes_the_arithmetic_but_not_the_parameters(sam_state, dense, grey_slice):
    clustered = Fast3DSAM(CONFIG)
    fill_with_sam(clustered, sam_state)
    only = {n for n, _ in clustered.named_parameters()} ^ {n for n, _ in dense.named_parameters()}
    assert only == {f"image_encoder.blocks.{n}.clustering.log_sharpness" for n in range(3)}
    with torch.no_grad():
        tile = tile_of(grey_slice).repeat(1, 1, 2, 1, 1)
        there = clustered.embed(tile).coarse
    assert there.shape == (1, 24, 2, 16, 16)
    assert torch.isfinite(there).all()


def test_a_file_on_disk_is_imported_and_frozen_as_in_the_paper(sam_state, tmp_path):
    path = tmp_path / "sam.pth"
    torch.save({k: v for k, v in sam_state.items() if v is not None}, path)
    model = import_sam(path, CONFIG)
    again = import_sam(path, CONFIG)
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name]), name
    freeze_pretrained(model)
    trained = {name for name, p in model.named_parameters() if p.requires_grad}
    block = {n.split(".", 3)[3] for n in trained if n.startswith("image_encoder.blocks.0.")}
    assert {n.split(".")[0] for n in block} == {"norm1", "norm2", "adapter", "clustering", "attn"}
    assert {n for n in block if n.startswith("attn.")} == {"attn.qkv.down", "attn.qkv.up"}
    assert not {n for n in trained if "patch_embed.proj" in n or "patch_embed.position" in n or "neck.reduce" in n}


def test_a_partial_file_is_refused_with_what_is_missing(sam_state):
    partial_state = {k: v for k, v in sam_state.items() if ".blocks.2." not in k}
    with pytest.raises(CheckpointError, match=r"partial.pth .*14 missing \(image_encoder\.blocks\.2\.attn\.proj"):
        fill_with_sam(Fast3DSAM(CONFIG), partial_state, "partial.pth")


def test_a_foreign_file_is_refused_with_what_is_foreign(tmp_path):
    path = tmp_path / "resnet.pth"
    torch.save({"layer1.weight": torch.zeros(2), "layer2.weight": torch.zeros(2)}, path)
    with pytest.raises(CheckpointError, match=r"51 missing .*2 foreign \(layer1\.weight, layer2\.weight\)"):
        import_sam(path, CONFIG)


def test_a_larger_sam_is_refused_by_its_shapes(sam_state):
    wider = replace(CONFIG, width=96)
    with pytest.raises(CheckpointError, match=r"of another shape \(image_encoder\.blocks"):
        fill_with_sam(Fast3DSAM(wider), sam_state)


def test_what_is_no_dictionary_is_refused(tmp_path):
    path = tmp_path / "tensor.pth"
    torch.save(torch.zeros(3), path)
    with pytest.raises(CheckpointError, match="holds a Tensor"):
        import_sam(path, CONFIG)


def test_a_configuration_without_sams_parts_is_refused(sam_state):
    with pytest.raises(ValueError, match="'small'"):
        fill_with_sam(Fast3DSAM(SMALL), sam_state)
