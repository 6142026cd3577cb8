from dataclasses import replace

import pytest
import torch

from Fast3DSAM.Logic.checkpoints import load_model
from Fast3DSAM.Logic.model.convolution import to_fine_grid
from Fast3DSAM.Logic.training.click_step import spatial_share
from Testing.logic.model.networks import TINY, image, network

SAM_LIKE = replace(
    TINY, name="sam-like", patches_from_detail=False, relative_position=True, global_blocks=(1,), neck_hidden=16,
    feed_forward_on_clusters=True, position_size=4,
)  # fmt: skip
CONFIGS = {"own patches": TINY, "SAM's patches": SAM_LIKE, "no clustering": replace(TINY, clustering=False)}


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("shape", [(32, 32, 32), (16, 40, 24), (64, 32, 8)])
def test_any_multiple_of_the_patch_size_is_embedded(name, shape):
    config = CONFIGS[name]
    embedding = network(config).embed(torch.randn(2, 3, *shape))
    sizes = {"coarse": 8, "quarter": 4, "half": 2, "quarter_keys": 4, "half_keys": 2}
    widths = {"coarse": config.neck_width, "quarter": config.decoder_widths[1], "half": config.decoder_widths[0]}
    widths.update(quarter_keys=config.key_widths[1], half_keys=config.key_widths[0])
    for field, part in sizes.items():
        tensor = getattr(embedding, field)
        assert tensor.shape == (2, widths[field], *(n // part for n in shape)) and torch.isfinite(tensor).all()
    assert embedding.nbytes == sum(4 * t.numel() for t in embedding)


@pytest.mark.parametrize("shape", [(1, 3, 33, 32, 32), (1, 2, 32, 32, 32), (3, 32, 32, 32)])
def test_an_input_that_does_not_fit_is_quoted(shape):
    with pytest.raises(ValueError, match=f"multiples of 8, got \\({shape[0]}, {shape[1]}"):
        network().embed(torch.zeros(shape))


def test_the_image_itself_is_kept_voxel_by_voxel_for_the_borders():
    given = image()
    fine = network().embed(given).fine
    torch.testing.assert_close(to_fine_grid(fine), given[:, :2])
    assert fine.is_contiguous(memory_format=torch.channels_last_3d)  # as all that it is joined to at every click


def test_similarity_keys_have_unit_length():
    embedding = network().embed(image())
    for keys in (embedding.half_keys, embedding.quarter_keys):
        torch.testing.assert_close(keys.norm(dim=1), torch.ones_like(keys[:, 0]), atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", CONFIGS)
def test_images_of_a_batch_do_not_see_each_other(name):
    model, images = network(CONFIGS[name]), image(batch=3)
    together = model.embed(images)
    for row in range(3):
        for whole, alone in zip(together, model.embed(images[row : row + 1])):
            torch.testing.assert_close(whole[row : row + 1], alone, atol=1e-4, rtol=1e-3)


def test_every_voxel_counts():
    model, first = network(), image()
    second = first.clone()
    second[0, :2, 20:24, 8:12, 28:32] += 3
    for before, after in zip(model.embed(first), model.embed(second)):
        assert (before - after).abs().max() > 1e-3


def test_repeating_an_embedding_keeps_the_targets_of_an_image_together():
    embedding = network().embed(image(batch=2)).repeat(3)
    for tensor in embedding:
        assert len(tensor) == 6 and torch.equal(tensor[0], tensor[2]) and torch.equal(tensor[3], tensor[5])
        assert not torch.equal(tensor[2], tensor[3])


def test_new_adapters_and_lora_leave_the_encoder_as_it_is():
    """Their sizes draw on no other weight, and they start at zero: without them the same network."""
    model = network()
    for block in model.image_encoder.blocks:
        block.adapter.up.weight.zero_()
        block.adapter.up.bias.zero_()
        block.attn.qkv.up.zero_()
    before = model.embed(image())
    for block in model.image_encoder.blocks:
        block.adapter = torch.nn.Identity()
        block.attn.qkv.merge()
    for first, second in zip(before, model.embed(image())):
        torch.testing.assert_close(first, second, atol=1e-5, rtol=1e-5)


def test_what_all_patches_have_in_common_does_not_drown_what_tells_them_apart():
    model = network()
    before = model.embed(image()).coarse
    model.image_encoder.patch_embed.surroundings.norm2.bias += 100  # as ReLU makes it, only more
    after = model.embed(image()).coarse
    assert spatial_share(after) > 0.5 * spatial_share(before) > 0.1


def test_the_coarse_embedding_of_the_bundled_weights_tells_places_apart():
    model = load_model().model
    size = model.config.tile_size
    grid = torch.stack(torch.meshgrid(*[torch.arange(float(size))] * 3, indexing="ij"))
    ball = ((grid - torch.tensor([24.0, 30, 34])[:, None, None, None]).square().sum(0) < 14**2).float()
    picture = torch.stack([ball, ball, torch.ones_like(ball)])[None] + 0.05 * image(size) * torch.tensor(
        [1, 1, 0]
    ).view(1, 3, 1, 1, 1)
    with torch.no_grad():
        assert spatial_share(model.embed(picture).coarse) > 0.1
