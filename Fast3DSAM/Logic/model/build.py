"""The one place where networks are made."""

from __future__ import annotations

from typing import Union

import torch
from torch import nn

from .config import CONFIGS, ModelConfig
from .fast3dsam import Fast3DSAM


def build_model(config: Union[str, ModelConfig]) -> Fast3DSAM:
    """A new network with random weights; `config` is a published name ("small", "vit_b") or a `ModelConfig`."""
    if isinstance(config, str):
        if config not in CONFIGS:
            raise ValueError(f"unknown configuration {config!r}; choose one of {sorted(CONFIGS)}")
        config = CONFIGS[config]
    return Fast3DSAM(config)


def freeze_pretrained(model: Fast3DSAM) -> None:
    """Freeze what the paper freezes: the pretrained transformer, all but LoRA, adapters, norms and clustering."""
    trained = ("attn.qkv.down", "attn.qkv.up", "adapter.", "norm1.", "norm2.", "clustering.")
    for name, parameter in model.image_encoder.blocks.named_parameters():
        parameter.requires_grad_(any(part in name for part in trained))
    if not model.config.patches_from_detail:
        model.image_encoder.patch_embed.proj.requires_grad_(False)
        model.image_encoder.patch_embed.position.requires_grad_(False)


def freeze_lora(model: nn.Module) -> None:
    """Keep LoRA out of training from scratch, where it has nothing to adapt."""
    for name, parameter in model.named_parameters():
        if name.endswith(("qkv.down", "qkv.up")):
            parameter.requires_grad_(False)


def convolutions_channels_last(model: nn.Module) -> nn.Module:
    """Lay out the 3D convolutions' weights channels-last in place: several times faster on the CPU."""
    for module in model.modules():
        if isinstance(module, (nn.Conv3d, nn.ConvTranspose3d)):
            module.weight.data = module.weight.data.contiguous(memory_format=torch.channels_last_3d)
    return model
