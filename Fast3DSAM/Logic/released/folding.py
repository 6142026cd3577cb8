"""The published tensors turned into those of `ReleasedNetwork`: LoRA merged, neighbouring linear steps made one.

Sums are taken in float64, so that folding adds no error of its own to the float32 network.
"""

from __future__ import annotations

from typing import Dict, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from .interpolation import doubling_matrix
from .published import (
    BLOCKS,
    DECODER,
    DECODER_GROUPS,
    EMBEDDING,
    ENCODER,
    GRID,
    MAPPED,
    PROMPT,
    RANK,
    STAGE_BLOCKS,
    WIDTH,
    WINDOW,
)
from .windows import to_windows

Tensors = Dict[str, Tensor]
_BATCH_NORM_EPS = 1e-5


def folded(published: Mapping[str, Mapping[str, Tensor]]) -> Tensors:
    """State of a `ReleasedNetwork` (float32) from the three dicts of the released file."""
    parts = {
        "image_encoder": _image_encoder(dict(published[ENCODER])),
        "prompt_encoder": _prompt_encoder(dict(published[PROMPT])),
        "mask_decoder": _mask_decoder(dict(published[DECODER])),
    }
    return {
        f"{part}.{name}": tensor.float().contiguous() for part, state in parts.items() for name, tensor in state.items()
    }


def _below(tensors: Mapping[str, Tensor], prefix: str) -> Tensors:
    return {name[len(prefix) :]: tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _image_encoder(tensors: Tensors) -> Tensors:
    state = {**_cells(tensors), "position": _position(tensors)}
    for index in range(BLOCKS):
        block = _encoder_block(_below(tensors, f"blocks.{index}."))
        state.update({f"blocks.{index}.{name}": tensor for name, tensor in block.items()})
    state["narrow.weight"] = tensors["neck.0.weight"][:, :, 0, 0]
    state["smooth.weight"] = tensors["neck.2.weight"]
    for ours, theirs in (("narrow_norm", "neck.1"), ("smooth_norm", "neck.3")):
        state.update({f"{ours}.{leaf}": tensors[f"{theirs}.{leaf}"] for leaf in ("weight", "bias")})
    return state


def _cells(tensors: Tensors) -> Tensors:
    """Doubling, repeating to 3 channels, patch and slice embedding: one linear map of a token's 10^3 voxels."""
    grow = doubling_matrix(8).double()
    patch = tensors["patch_embed.proj.weight"].double().sum(1)
    depth = tensors["slice_embed.weight"].double().reshape(WIDTH, 16)
    plane = torch.einsum("chw,hy,wx->cyx", patch, grow, grow)
    weight = torch.einsum("cz,cyx->czyx", depth @ grow, plane).flatten(1)
    bias = tensors["patch_embed.proj.bias"].double() * depth.sum(1) + tensors["slice_embed.bias"]
    return {"cells.weight": weight, "cells.bias": bias}


def _position(tensors: Tensors) -> Tensor:
    """Plane and slice positions on the 16^3 grid. Halving with unaligned corners is the mean of two neighbours."""
    plane = tensors["pos_embed"][0].double().reshape(GRID, 4, GRID, 4, WIDTH).mean((1, 3))
    depth = tensors["depth_embed"][0].double().reshape(GRID, 2, WIDTH).mean(1)
    return to_windows((depth[:, None, None] + plane).unsqueeze(0))[0]


def _encoder_block(tensors: Tensors) -> Tensors:
    state: Tensors = {}
    for name in ("norm1", "norm2", "lin1", "lin2"):
        source = f"mlp.{name}" if name.startswith("lin") else name
        state.update({f"{name}.{leaf}": tensors[f"{source}.{leaf}"] for leaf in ("weight", "bias")})
    a, b = tensors["attn.qkv.lora_A"].double(), tensors["attn.qkv.lora_B"].double() / RANK
    extra_q, extra_v = b[:WIDTH] @ a[:RANK], b[WIDTH:] @ a[RANK:]
    extra = torch.cat((extra_q, torch.zeros_like(extra_q), extra_v))
    state["attention.qkv.weight"] = tensors["attn.qkv.weight"] + extra
    extra = tensors["attn.proj.lora_B"].double() @ tensors["attn.proj.lora_A"].double() / RANK
    state["attention.proj.weight"] = tensors["attn.proj.weight"] + extra
    for name in ("qkv", "proj"):
        state[f"attention.{name}.bias"] = tensors[f"attn.{name}.bias"]
    state["attention.relative"] = _relative(tensors["attn.rel_pos_h"], tensors["attn.rel_pos_w"])
    gain, tail = tensors["gamma"].double(), _below(tensors, "TailAdapter.D_")
    state.update({"tail1.weight": tail["fc1.weight"], "tail1.bias": tail["fc1.bias"]})
    state.update({"tail2.weight": gain[:, None] * tail["fc2.weight"], "tail2.bias": gain * tail["fc2.bias"]})
    return state


def _relative(rows: Tensor, columns: Tensor) -> Tensor:
    """(64 tokens, 64 channels, 8 key rows then 8 key columns) from the two tables of relative positions."""
    place = torch.arange(WINDOW)
    steps = place[:, None] - place + WINDOW - 1
    near = []
    for table in (rows, columns):
        table = F.interpolate(table.double().t().unsqueeze(0), size=2 * WINDOW - 1, mode="linear")[0].t()
        near.append(table[steps].transpose(1, 2))
    along_rows = near[0].repeat_interleave(WINDOW, dim=0)
    return torch.cat((along_rows, near[1].repeat(WINDOW, 1, 1)), dim=-1)


def _prompt_encoder(tensors: Tensors) -> Tensors:
    state = {"widen.weight": tensors["last_mapping.0.weight"].flatten(1)}
    tensors = _below(tensors, "unetr_pp_encoder.")
    for stage in range(2):
        source = f"downsample_layers.{stage}."
        state[f"stems.{stage}.weight"] = tensors[f"{source}0.conv.weight"]
        state.update({f"norms.{stage}.{leaf}": tensors[f"{source}1.{leaf}"] for leaf in ("weight", "bias")})
        for index in range(STAGE_BLOCKS):
            block = _prompt_block(_below(tensors, f"stages.{stage}.{index}."))
            state.update({f"stages.{stage}.{index}.{name}": tensor for name, tensor in block.items()})
    return state


def _prompt_block(tensors: Tensors) -> Tensors:
    paired = _below(tensors, "epa_block.")
    state = {
        "position": tensors["pos_embed"][0],
        "norm.weight": tensors["norm.weight"],
        "norm.bias": tensors["norm.bias"],
        "attention.parts.weight": paired["qkvv.weight"],
        # E and F are one layer stored twice; a loader fills it in order of the names, so the last one counts.
        "attention.project.weight": paired["F.weight"],
        "attention.project.bias": paired["F.bias"],
        "attention.channel_temperature": paired["temperature"],
        "attention.spatial_temperature": paired["temperature2"],
        "mix.weight": tensors["conv8.1.weight"].flatten(1),
        "mix.bias": tensors["conv8.1.bias"],
    }
    gains = tensors["gamma"].double().chunk(2)
    for name, source, gain in zip(("spatial_out", "channel_out"), ("out_proj", "out_proj2"), gains):
        state[f"attention.{name}.weight"] = gain[:, None] * paired[f"{source}.weight"]
        state[f"attention.{name}.bias"] = gain * paired[f"{source}.bias"]
    for number in (1, 2):
        norm = _below(tensors, f"conv51.norm{number}.")
        scale = norm["weight"].double() / (norm["running_var"].double() + _BATCH_NORM_EPS).sqrt()
        state[f"conv{number}.weight"] = tensors[f"conv51.conv{number}.conv.weight"] * scale[:, None, None, None, None]
        state[f"conv{number}.bias"] = norm["bias"] - norm["running_mean"] * scale
    return state


def _mask_decoder(tensors: Tensors) -> Tensors:
    group = EMBEDDING // DECODER_GROUPS
    fine = tensors["up_conv2.0.weight"].reshape(DECODER_GROUPS, group, group, -1).transpose(2, 3)
    return {
        "coarse.weight": tensors["conv0.0.weight"],
        "middle.weight": tensors["up_conv1.0.weight"],
        "fine": fine,
        "shared": tensors["mlp1.0.weight"].flatten(1),
        "join": tensors["cls.0.weight"].reshape(EMBEDDING, 3, MAPPED).transpose(0, 1),
        "classify.weight": tensors["cls.3.weight"].flatten(1),
        "classify.bias": tensors["cls.3.bias"],
    }
