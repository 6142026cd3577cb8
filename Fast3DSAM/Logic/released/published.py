"""Names and shapes of the 496 tensors in the released file. Other entries (epoch, loss, optimizers) are not read."""

from __future__ import annotations

from typing import Dict, Tuple

Shapes = Dict[str, Tuple[int, ...]]

WIDTH, HIDDEN, BLOCKS, HEADS, RANK, TAIL = 768, 3072, 12, 12, 96, 32
WINDOW, GRID, CROP = 8, 16, 128
EMBEDDING = 256
STEM_CHANNELS = (2, 32, 64)
STEM_GROUPS = (2, 32)
STAGE_GRIDS = (32, 16)
STAGE_BLOCKS, STAGE_HEADS, PROJECTED = 3, 4, 64
DECODER_GROUPS, MAPPED = 8, 128

ENCODER, PROMPT, DECODER = PARTS = ("encoder_dict", "feature_dict", "decoder_dict")
_GLOBAL_BLOCKS = (2, 5, 8, 11)  # SAM's global attention blocks: longer tables of relative positions


def published_shapes() -> Dict[str, Shapes]:
    """{'encoder_dict': {name: shape}, 'feature_dict': ..., 'decoder_dict': ...} of the released file."""
    return {ENCODER: _encoder(), PROMPT: _prompt_encoder(), DECODER: _decoder()}


def _below(prefix: str, shapes: Shapes) -> Shapes:
    return {prefix + name: shape for name, shape in shapes.items()}


def _affine(name: str, *weight: int, bias: bool = True) -> Shapes:
    shapes: Shapes = {f"{name}.weight": weight}
    if bias:
        shapes[f"{name}.bias"] = weight[:1]
    return shapes


def _encoder() -> Shapes:
    shapes: Shapes = {"pos_embed": (1, 64, 64, WIDTH), "depth_embed": (1, 32, WIDTH)}
    shapes.update(_affine("patch_embed.proj", WIDTH, 3, 16, 16))
    shapes.update(_affine("slice_embed", WIDTH, 1, 1, 1, 16))
    for index in range(BLOCKS):
        shapes.update(_below(f"blocks.{index}.", _encoder_block(127 if index in _GLOBAL_BLOCKS else 27)))
    shapes.update(_affine("neck.0", EMBEDDING, WIDTH, 1, 1, bias=False))
    shapes.update(_affine("neck.2", EMBEDDING, EMBEDDING, 3, 3, bias=False))
    return {**shapes, **_affine("neck.1", EMBEDDING), **_affine("neck.3", EMBEDDING)}


def _encoder_block(table_rows: int) -> Shapes:
    shapes: Shapes = {"gamma": (WIDTH,), **_affine("norm1", WIDTH), **_affine("norm2", WIDTH)}
    shapes.update({f"attn.rel_pos_{axis}": (table_rows, WIDTH // HEADS) for axis in "hwd"})
    shapes.update(_affine("attn.qkv", 3 * WIDTH, WIDTH))
    shapes.update({"attn.qkv.lora_A": (2 * RANK, WIDTH), "attn.qkv.lora_B": (2 * WIDTH, RANK)})
    shapes.update(_affine("attn.proj", WIDTH, WIDTH))
    shapes.update({"attn.proj.lora_A": (RANK, WIDTH), "attn.proj.lora_B": (WIDTH, RANK)})
    shapes.update({**_affine("mlp.lin1", HIDDEN, WIDTH), **_affine("mlp.lin2", WIDTH, HIDDEN)})
    shapes.update({**_affine("TailAdapter.D_fc1", TAIL, WIDTH), **_affine("TailAdapter.D_fc2", WIDTH, TAIL)})
    return shapes


def _prompt_encoder() -> Shapes:
    shapes: Shapes = {}
    # The third downsampling is stored but unused.
    for stage, (before, after, kernel) in enumerate(((2, 32, 4), (32, 64, 2), (64, 128, 2))):
        name = f"downsample_layers.{stage}"
        shapes.update(_affine(f"{name}.0.conv", after, before, kernel, kernel, kernel, bias=False))
        shapes.update(_affine(f"{name}.1", after))
    for stage, (channels, grid) in enumerate(zip(STEM_CHANNELS[1:], STAGE_GRIDS)):
        for index in range(STAGE_BLOCKS):
            shapes.update(_below(f"stages.{stage}.{index}.", _prompt_block(channels, grid**3)))
    shapes = _below("unetr_pp_encoder.", shapes)
    return {**shapes, **_affine("last_mapping.0", WIDTH, STEM_CHANNELS[-1], 1, 1, 1)}


def _prompt_block(channels: int, tokens: int) -> Shapes:
    shapes: Shapes = {"gamma": (channels,), "pos_embed": (1, tokens, channels), **_affine("norm", channels)}
    shapes.update({f"epa_block.{name}": (STAGE_HEADS, 1, 1) for name in ("temperature", "temperature2")})
    shapes.update(_affine("epa_block.qkvv", 4 * channels, channels, bias=False))
    for name in ("E", "F"):
        shapes.update(_affine(f"epa_block.{name}", PROJECTED, tokens))
    for name in ("out_proj", "out_proj2"):
        shapes.update(_affine(f"epa_block.{name}", channels // 2, channels))
    for number in (1, 2):
        shapes.update(_affine(f"conv51.conv{number}.conv", channels, channels, 3, 3, 3, bias=False))
        norm = f"conv51.norm{number}"
        shapes.update(_affine(norm, channels))
        shapes.update({f"{norm}.running_mean": (channels,), f"{norm}.running_var": (channels,)})
        shapes[f"{norm}.num_batches_tracked"] = ()
    return {**shapes, **_affine("conv8.1", channels, channels, 1, 1, 1)}


def _decoder() -> Shapes:
    per_group = EMBEDDING // DECODER_GROUPS
    shapes: Shapes = {}
    for name, kernel in (("conv0.0", 3), ("up_conv1.0", 3), ("up_conv2.0", 4)):
        shapes.update(_affine(name, EMBEDDING, per_group, kernel, kernel, kernel))
    shapes.update(_affine("mlp1.0", MAPPED, EMBEDDING, 1, 1, 1))
    shapes.update(_affine("cls.0", EMBEDDING, 3 * MAPPED, 1, 1, 1, bias=False))
    return {**shapes, **_affine("cls.3", 2, EMBEDDING, 1, 1, 1)}
