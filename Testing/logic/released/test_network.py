from __future__ import annotations

import pytest
import torch

from Fast3DSAM.Logic.released.published import DECODER, ENCODER, PROMPT
from Fast3DSAM.Logic.released.windows import to_windows
from Testing.logic.released import naive

TOLERANCE = 1e-3


def close(ours: torch.Tensor, theirs) -> bool:
    theirs = torch.as_tensor(theirs)
    return ours.shape == theirs.shape and float((ours - theirs).abs().max()) < TOLERANCE


@pytest.fixture(scope="module")
def golden_run(network, golden):
    """Of seed 1, computed once: prompt features, embedding, and what the encoder was given, looked at afterwards."""
    volume, positive, negative = golden.golden_input(1)
    volume = torch.from_numpy(volume).unsqueeze(0)
    prompt = network.prompt_features(network.click_maps(positive, negative))
    kept, given = prompt.clone(), []
    watch = network.image_encoder.register_forward_hook(lambda module, inputs, output: given.extend(inputs))
    embedding = network.embed(volume, prompt)
    watch.remove()
    return kept, embedding, given, network.image_tokens(volume)


def test_golden_input_is_the_one_behind_the_golden_values(golden, golden_arrays):
    volume, positive, negative = golden.golden_input(1)
    assert abs(volume[:4, :4, :4] - golden_arrays["vol_corner"]).max() < 1e-5
    assert (positive == golden_arrays["pos"]).all() and (negative == golden_arrays["neg"]).all()


def test_prompt_features_agree_with_the_golden_values(golden_run, golden_arrays):
    prompt = golden_run[0]
    assert prompt.shape == (1, 768, 16, 16, 16)
    assert close(prompt[0, ::16, ::4, ::4, ::4], golden_arrays["prompt"])


def test_embedding_agrees_with_the_golden_values(golden_run, golden_arrays):
    embedding = golden_run[1]
    assert embedding.shape == (1, 256, 16, 16, 16)
    assert close(embedding[0, ::8, ::2, ::2, ::2], golden_arrays["embedding"])


def test_logits_agree_with_the_golden_values(network, golden_run, golden_arrays):
    embedding = golden_run[1]
    logits = network.decode(embedding)
    assert logits.shape == (1, 2, 128, 128, 128)
    assert close(logits[0, :, ::4, ::4, ::4], golden_arrays["mask"])


def test_prompt_features_of_other_weights_agree_with_the_plain_network(other_network, other_weights, golden):
    _, positive, negative = golden.golden_input(2)
    clicks = other_network.click_maps(positive, negative)
    assert close(other_network.prompt_features(clicks), naive.prompt_features(other_weights[PROMPT], clicks))


def test_prompt_features_of_a_batch_are_those_of_its_items(other_network):
    maps = [other_network.click_maps([(20, 30, 40)], []), other_network.click_maps([], [(90, 8, 127)])]
    together = other_network.prompt_features(torch.cat(maps))
    for item, single in zip(together, maps):
        assert close(item[None], other_network.prompt_features(single))


def test_image_tokens_agree_with_upsampling_and_embedding_step_by_step(other_network, other_weights):
    volume = torch.randn(1, 128, 128, 128, generator=torch.Generator().manual_seed(1))
    plain = naive.image_tokens(other_weights[ENCODER], volume).permute(0, 3, 1, 2, 4)
    assert close(other_network.image_tokens(volume), to_windows(plain))


@pytest.mark.parametrize("index", [0, 2], ids=["window tables", "global tables"])
def test_an_encoder_block_agrees_with_unmerged_lora(other_network, other_weights, index):
    slices = torch.randn(2, 16, 16, 768, generator=torch.Generator().manual_seed(2))
    plain = naive.block(naive.sub(other_weights[ENCODER], f"blocks.{index}."), slices)
    with torch.no_grad():
        ours = other_network.image_encoder.blocks[index](to_windows(slices.unsqueeze(0))[0])
    assert close(ours, to_windows(plain.unsqueeze(0))[0])


def test_embedding_leaves_cached_tokens_and_prompt_as_they_were(golden_run):
    prompt, _, (given_tokens, given_prompt), tokens = golden_run
    assert torch.equal(given_tokens, tokens) and torch.equal(given_prompt, prompt)


def test_logits_of_other_weights_agree_with_the_plain_decoder(other_network, other_weights):
    # An offset and unequal channels, so that the statistics computed ahead of the convolution matter.
    generator = torch.Generator().manual_seed(3)
    embedding = 2 + torch.randn(1, 256, 16, 16, 16, generator=generator) * torch.rand(256, 1, 1, 1, generator=generator)
    assert close(other_network.decode(embedding), naive.decode(other_weights[DECODER], embedding))


@pytest.mark.parametrize(
    ("step", "shape"), [("prompt_features", (2, 128, 128, 128)), ("image_tokens", (128, 128, 128)), ("decode", (1, 3))]
)
def test_a_tensor_of_another_shape_is_quoted(other_network, step, shape):
    with pytest.raises(ValueError, match=r"shape .*; give float32 of shape \(batch, "):
        getattr(other_network, step)(torch.zeros(shape))
