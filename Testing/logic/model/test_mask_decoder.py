import pytest
import torch

from Fast3DSAM.Logic.model.prompt_encoder import PADDING
from Testing.logic.model.networks import image, network, prompts

MODEL = network()
EMBEDDING = MODEL.embed(image())


def _same(first, second, tolerance=1e-4):
    torch.testing.assert_close(first.logits, second.logits, atol=tolerance, rtol=1e-3)
    torch.testing.assert_close(first.iou, second.iou, atol=tolerance, rtol=1e-3)


def _decode(given):
    rows = len(given.points)
    return MODEL.decode(type(EMBEDDING)(*(t.expand(rows, *t.shape[1:]) for t in EMBEDDING)), given)


@pytest.mark.parametrize("seed", range(4))
def test_the_output_does_not_depend_on_the_order_of_the_prompts(seed):
    given = prompts(clicks=6, seed=seed)
    order = torch.randperm(6, generator=torch.Generator().manual_seed(seed))
    _same(_decode(given), _decode(given._replace(points=given.points[:, order], labels=given.labels[:, order])))


def test_the_label_of_a_click_matters():
    given = prompts(clicks=2)
    other = _decode(given._replace(labels=1 - given.labels))
    assert (other.logits - _decode(given).logits).abs().max() > 1e-3


def test_padding_changes_nothing():
    given = prompts(clicks=2)
    padded = given._replace(
        points=torch.cat([given.points, torch.full((1, 3, 3), 7.0)], 1),
        labels=torch.cat([given.labels, torch.full((1, 3), PADDING)], 1),
    )
    _same(_decode(padded), _decode(given))


def test_rows_of_a_batch_do_not_see_each_other():
    given = prompts(rows=3, clicks=4)
    given.boxes[1] = torch.tensor([[3.0, 4, 5], [20, 22, 24]])
    given.previous[2].normal_(generator=torch.Generator().manual_seed(0))
    together = _decode(given)
    for row in range(3):
        alone = _decode(type(given)(*(t[row : row + 1] for t in given)))
        torch.testing.assert_close(together.logits[row : row + 1], alone.logits, atol=1e-4, rtol=1e-3)
        torch.testing.assert_close(together.iou[row : row + 1], alone.iou, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("part", ["points", "boxes", "previous"])
def test_every_kind_of_prompt_has_an_effect(part):
    given = prompts(clicks=2)
    changed = {
        "points": given.points.flip(2),
        "boxes": torch.tensor([[[3.0, 4, 5], [20, 22, 24]]]),
        "previous": torch.full_like(given.previous, 4.0),
    }
    other = _decode(given._replace(**{part: changed[part]}))
    assert (other.logits - _decode(given).logits).abs().max() > 1e-3


def test_logits_are_on_the_tile_s_grid_and_iou_within_0_and_1():
    found = _decode(prompts(rows=2))
    assert found.logits.shape == (2, 1, 32, 32, 32) and found.logits.dtype == torch.float32
    assert found.iou.shape == (2,) and (found.iou > 0).all() and (found.iou < 1).all()


def test_a_border_can_follow_the_image_within_a_voxel_of_the_half_grid():
    """Two images that differ only in which of eight voxels is bright lead to masks that differ in which voxel."""
    model, grey = network(), torch.zeros_like(EMBEDDING.fine)
    with torch.no_grad():
        for layer in (model.mask_decoder.fine[0], model.mask_decoder.fine[2]):
            layer.weight.zero_()
            layer.bias.zero_()
        for voxel in range(8):
            model.mask_decoder.fine[0].weight[voxel, -16 + voxel] = 1
            model.mask_decoder.fine[2].weight[voxel, voxel] = 5
    grey[0, 3, 8, 8, 8] = 1
    given = prompts(clicks=2)
    bright = model.decode(EMBEDDING._replace(fine=grey), given).logits
    plain = model.decode(EMBEDDING._replace(fine=torch.zeros_like(grey)), given).logits
    gained = (bright - plain)[0, 0]
    assert gained.argmax() == (16 * 32 + 17) * 32 + 17 and gained.max() > 4
    assert gained.flatten().topk(2).values[1] < 2


def test_the_estimated_iou_does_not_train_the_mask():
    model = network()
    model.requires_grad_(True)
    model.decode(model.embed(image()), prompts()).iou.sum().backward()
    assert model.mask_decoder.iou_head[0].weight.grad.abs().sum() > 0
    assert all(p.grad is None for p in model.mask_decoder.hyper.parameters())


def test_the_draft_is_drawn_from_the_coarse_embedding_and_reaches_the_mask():
    given = prompts(clicks=2)
    found = _decode(given)
    assert found.draft.shape == (1, 1, 4, 4, 4) and found.draft.dtype == torch.float32
    model = network()
    with torch.no_grad():
        model.mask_decoder.draft_hyper[2].bias += 5
    other = model.decode(EMBEDDING, given)
    assert (other.draft - found.draft).abs().max() > 1 and (other.logits - found.logits).abs().max() > 1e-3
