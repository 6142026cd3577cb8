import torch

from Fast3DSAM.Logic.model.lora import LoRAQueryKeyValue, merge_lora
from Testing.logic.model.networks import image, network, prompts

TOKENS = torch.randn(2, 5, 16, generator=torch.Generator().manual_seed(0))


def test_a_new_lora_leaves_the_output_unchanged():
    projection = LoRAQueryKeyValue(16, rank=4)
    plain = torch.nn.functional.linear(TOKENS, projection.qkv.weight, projection.qkv.bias)
    assert torch.equal(projection(TOKENS), plain)


def _trained() -> LoRAQueryKeyValue:
    projection = LoRAQueryKeyValue(16, rank=4)
    with torch.no_grad():
        projection.up.normal_()
    return projection


def test_a_trained_lora_changes_queries_and_keys_but_never_values():
    projection = _trained()
    plain = torch.nn.functional.linear(TOKENS, projection.qkv.weight, projection.qkv.bias)
    change = (projection(TOKENS) - plain).abs().view(2, 5, 3, 16).amax((0, 1, 3))
    assert change[0] > 0.1 and change[1] > 0.1 and change[2] == 0


def test_the_update_has_the_rank_it_was_given():
    projection = _trained()
    update = (projection.up @ projection.down).detach()
    assert [int(torch.linalg.matrix_rank(u)) for u in update] == [4, 4]


def test_merging_leaves_the_output_unchanged_and_the_parameters_gone():
    projection = _trained()
    before = projection(TOKENS)
    projection.merge()
    torch.testing.assert_close(projection(TOKENS), before, atol=1e-5, rtol=1e-5)
    assert [name for name, _ in projection.named_parameters()] == ["qkv.weight", "qkv.bias"]
    projection.merge()
    torch.testing.assert_close(projection(TOKENS), before, atol=1e-5, rtol=1e-5)


def test_merging_a_whole_network_leaves_its_masks_unchanged():
    model = network()
    before = model(image(), prompts())
    assert any("qkv.up" in name for name, _ in model.named_parameters())
    merge_lora(model)
    after = model(image(), prompts())
    assert not any("qkv.up" in name for name, _ in model.named_parameters())
    torch.testing.assert_close(after.logits, before.logits, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(after.iou, before.iou, atol=1e-4, rtol=1e-4)


def test_rank_0_is_a_plain_projection():
    assert [name for name, _ in LoRAQueryKeyValue(16, 0).named_parameters()] == ["qkv.weight", "qkv.bias"]
