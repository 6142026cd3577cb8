"""The released network written as plainly as possible from the stated facts, to compare the fast one with.

No weight is merged or folded, nothing is cached, every resize happens where the facts put it. It reads the published
tensors (`encoder_dict`, `feature_dict`, `decoder_dict`) directly; `weights` below is one of the three, name -> tensor.
"""

from __future__ import annotations

from typing import Dict

import torch
import torch.nn.functional as F

Weights = Dict[str, torch.Tensor]
HEADS, WINDOW, GRID = 12, 8, 16


def sub(weights: Weights, prefix: str) -> Weights:
    """The tensors below `prefix`, without it."""
    return {name[len(prefix) :]: tensor for name, tensor in weights.items() if name.startswith(prefix)}


def image_tokens(weights: Weights, volume: torch.Tensor) -> torch.Tensor:
    """(B, 128, 128, 128) axes D, H, W -> (B, 16, 16, 16, 768) axes H, W, D."""
    image = volume.unsqueeze(1).repeat(1, 3, 1, 1, 1)
    image = F.interpolate(image, scale_factor=2, mode="trilinear", align_corners=False)
    tokens = []
    for item in image:
        slices = item.permute(1, 0, 2, 3)
        patches = [
            F.conv2d(part, weights["patch_embed.proj.weight"], weights["patch_embed.proj.bias"], stride=16)
            for part in slices.split(16)
        ]
        stack = torch.cat(patches).permute(1, 2, 3, 0).unsqueeze(0)
        kernel, bias = weights["slice_embed.weight"], weights["slice_embed.bias"]
        tokens.append(F.conv3d(stack, kernel, bias, stride=(1, 1, 16), groups=len(kernel)))
    return torch.cat(tokens).permute(0, 2, 3, 4, 1) + position(weights)


def position(weights: Weights) -> torch.Tensor:
    """(1, 16, 16, 16, 768) axes H, W, D."""
    plane = F.avg_pool2d(weights["pos_embed"].permute(0, 3, 1, 2), 2)
    full = plane.unsqueeze(-1) + weights["depth_embed"].permute(0, 2, 1)[:, :, None, None, :]
    half = F.interpolate(full, scale_factor=0.5, mode="trilinear", align_corners=False)
    return half.permute(0, 2, 3, 4, 1)


def embed(weights: Weights, volume: torch.Tensor, prompt: torch.Tensor) -> torch.Tensor:
    """-> (B, 256, 16, 16, 16) axes H, W, D; `prompt` is (B, 768, 16, 16, 16) axes D, H, W."""
    tokens = image_tokens(weights, volume) + prompt.permute(0, 3, 4, 2, 1)
    slices = tokens.permute(0, 3, 1, 2, 4).reshape(-1, GRID, GRID, tokens.shape[-1])
    for index in range(12):
        slices = block(sub(weights, f"blocks.{index}."), slices)
    planes = neck(sub(weights, "neck."), slices)
    return planes.reshape(len(volume), GRID, 256, GRID, GRID).permute(0, 2, 3, 4, 1)


def block(weights: Weights, slices: torch.Tensor) -> torch.Tensor:
    """One transformer block on axial slices (N, 16, 16, 768)."""
    width = slices.shape[-1]
    normed = F.layer_norm(slices, (width,), weights["norm1.weight"], weights["norm1.bias"], 1e-6)
    attended = torch.zeros_like(slices)
    for top in range(0, GRID, WINDOW):
        for left in range(0, GRID, WINDOW):
            place = (slice(None), slice(top, top + WINDOW), slice(left, left + WINDOW))
            attended[place] = attention(sub(weights, "attn."), normed[place])
    x = slices + attended
    normed = F.layer_norm(x, (width,), weights["norm2.weight"], weights["norm2.bias"], 1e-6)
    hidden = F.gelu(F.linear(normed, weights["mlp.lin1.weight"], weights["mlp.lin1.bias"]))
    x = x + F.linear(hidden, weights["mlp.lin2.weight"], weights["mlp.lin2.bias"])
    tail = sub(weights, "TailAdapter.")
    hidden = F.gelu(F.linear(x, tail["D_fc1.weight"], tail["D_fc1.bias"]))
    return x + weights["gamma"] * F.linear(hidden, tail["D_fc2.weight"], tail["D_fc2.bias"])


def attention(weights: Weights, window: torch.Tensor) -> torch.Tensor:
    """Attention with decomposed relative position inside windows (N, 8, 8, 768), LoRA computed beside the weights."""
    count, height, width, channels = window.shape
    x = window.reshape(count, height * width, channels)
    qkv = F.linear(x, weights["qkv.weight"], weights["qkv.bias"])
    rank = weights["qkv.lora_B"].shape[1]
    low = F.linear(x, weights["qkv.lora_A"])
    extra_q = F.linear(low[..., :rank], weights["qkv.lora_B"][:channels]) / rank
    extra_v = F.linear(low[..., rank:], weights["qkv.lora_B"][channels:]) / rank
    qkv = qkv + torch.cat([extra_q, torch.zeros_like(extra_q), extra_v], dim=-1)
    q, k, v = qkv.reshape(count, height * width, 3, HEADS, -1).permute(2, 0, 3, 1, 4)
    scores = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5
    rows, columns = (relative(weights[f"rel_pos_{axis}"]) for axis in "hw")
    for token in range(height * width):
        for other in range(height * width):
            vertical = rows[token // width - other // width + height - 1]
            horizontal = columns[token % width - other % width + width - 1]
            scores[:, :, token, other] += q[:, :, token] @ (vertical + horizontal)
    x = (scores.softmax(-1) @ v).transpose(1, 2).reshape(count, height * width, channels)
    out = F.linear(x, weights["proj.weight"], weights["proj.bias"])
    rank = len(weights["proj.lora_A"])
    out = out + F.linear(F.linear(x, weights["proj.lora_A"]), weights["proj.lora_B"]) / rank
    return out.reshape(window.shape)


def relative(table: torch.Tensor) -> torch.Tensor:
    """A table of relative positions, resized to the 15 offsets of an 8-wide window."""
    return F.interpolate(table.t().unsqueeze(0), size=2 * WINDOW - 1, mode="linear")[0].t()


def neck(weights: Weights, slices: torch.Tensor) -> torch.Tensor:
    """(N, 16, 16, 768) -> (N, 256, 16, 16)."""
    x = F.conv2d(slices.permute(0, 3, 1, 2), weights["0.weight"])
    x = channel_norm(x, weights["1.weight"], weights["1.bias"])
    x = F.conv2d(x, weights["2.weight"], padding=1)
    return channel_norm(x, weights["3.weight"], weights["3.bias"])


def channel_norm(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """LayerNorm over the channels of (N, C, H, W)."""
    mean = x.mean(1, keepdim=True)
    x = (x - mean) / ((x - mean).square().mean(1, keepdim=True) + 1e-6).sqrt()
    return x * weight[:, None, None] + bias[:, None, None]


def prompt_features(weights: Weights, clicks: torch.Tensor) -> torch.Tensor:
    """(B, 2, 128, 128, 128) -> (B, 768, 16, 16, 16), axes D, H, W."""
    w = sub(weights, "unetr_pp_encoder.")
    x = clicks
    for stage, groups in enumerate((2, 32)):
        name = f"downsample_layers.{stage}."
        kernel = w[name + "0.conv.weight"]
        x = F.conv3d(x, kernel, stride=kernel.shape[-1])
        x = F.group_norm(x, groups, w[name + "1.weight"], w[name + "1.bias"])
        for index in range(3):
            x = prompt_block(sub(w, f"stages.{stage}.{index}."), x)
    x = F.conv3d(x, weights["last_mapping.0.weight"], weights["last_mapping.0.bias"])
    return F.relu(F.instance_norm(x))


def prompt_block(weights: Weights, x: torch.Tensor) -> torch.Tensor:
    """One block of the prompt encoder on a grid (B, C, D, H, W)."""
    tokens = x.flatten(2).transpose(1, 2) + weights["pos_embed"]
    normed = F.layer_norm(tokens, tokens.shape[-1:], weights["norm.weight"], weights["norm.bias"])
    tokens = tokens + weights["gamma"] * paired_attention(sub(weights, "epa_block."), normed)
    grid = tokens.transpose(1, 2).reshape(x.shape)
    unit = grid
    for number in "12":
        unit = F.conv3d(unit, weights[f"conv51.conv{number}.conv.weight"], padding=1)
        norm = sub(weights, f"conv51.norm{number}.")
        unit = F.batch_norm(unit, norm["running_mean"], norm["running_var"], norm["weight"], norm["bias"])
        unit = F.leaky_relu(unit if number == "1" else unit + grid, 0.01)
    return grid + F.conv3d(unit, weights["conv8.1.weight"], weights["conv8.1.bias"])


def paired_attention(weights: Weights, x: torch.Tensor, heads: int = 4) -> torch.Tensor:
    """UNETR++ efficient paired attention on tokens (B, N, C).

    The golden values need the permutation (0, 3, 1, 2) on the spatial result too, although it mixes channels with
    positions there; and the last of the two stored copies of the shared projection, F, is the one that counts.
    """
    batch, count, channels = x.shape
    parts = F.linear(x, weights["qkvv.weight"]).reshape(batch, count, 4, heads, channels // heads)
    q, k, v_channel, v_spatial = parts.permute(2, 0, 3, 4, 1)
    k_projected, v_projected = (F.linear(part, weights["F.weight"], weights["F.bias"]) for part in (k, v_spatial))
    q, k = F.normalize(q, dim=-1), F.normalize(k, dim=-1)
    channel = (q @ k.transpose(-1, -2) * weights["temperature"]).softmax(-1) @ v_channel
    channel = channel.permute(0, 3, 1, 2).reshape(batch, count, channels)
    spatial = (q.transpose(-1, -2) @ k_projected * weights["temperature2"]).softmax(-1)
    spatial = (spatial @ v_projected.transpose(-1, -2)).permute(0, 3, 1, 2).reshape(batch, count, channels)
    spatial = F.linear(spatial, weights["out_proj.weight"], weights["out_proj.bias"])
    return torch.cat([spatial, F.linear(channel, weights["out_proj2.weight"], weights["out_proj2.bias"])], dim=-1)


def decode(weights: Weights, embedding: torch.Tensor) -> torch.Tensor:
    """(B, 256, 16, 16, 16) axes H, W, D -> logits (B, 2, 128, 128, 128) axes D, H, W."""
    branches = [
        F.conv3d(embedding, weights["conv0.0.weight"], weights["conv0.0.bias"], padding=1, groups=8),
        F.conv_transpose3d(
            embedding, weights["up_conv1.0.weight"], weights["up_conv1.0.bias"], stride=2, padding=1, groups=8
        ),
        F.conv_transpose3d(embedding, weights["up_conv2.0.weight"], weights["up_conv2.0.bias"], stride=4, groups=8),
    ]
    return merge(weights, [F.relu(F.instance_norm(branch)) for branch in branches])


def merge(weights: Weights, branches: list) -> torch.Tensor:
    """The decoder after its three branches: shared 1x1 convolution, resizing, and the two last convolutions."""
    size = branches[-1].shape[2:]
    mapped = [F.conv3d(branch, weights["mlp1.0.weight"], weights["mlp1.0.bias"]) for branch in branches]
    mapped = [F.relu(F.instance_norm(branch)) for branch in mapped]
    mapped = [F.interpolate(branch, size=size, mode="trilinear", align_corners=True) for branch in mapped]
    x = F.relu(F.instance_norm(F.conv3d(torch.cat(mapped, dim=1), weights["cls.0.weight"])))
    logits = F.conv3d(x, weights["cls.3.weight"], weights["cls.3.bias"])
    logits = F.interpolate(logits, scale_factor=2, mode="trilinear", align_corners=True)
    return logits.permute(0, 1, 4, 2, 3)
