"""The one place where networks are made, and where it is decided what is trained."""

from __future__ import annotations

from typing import List, Union

import torch
from torch import nn

from .config import CONFIGS, ModelConfig
from .fast3dsam import Fast3DSAM

_ADAPTED = ("attn.qkv.down", "attn.qkv.up", "adapter.", "norm1.", "norm2.")  # in the encoder's blocks
_LIGHT = ("prompt_encoder.", "mask_decoder.")


def build_model(config: Union[str, ModelConfig]) -> Fast3DSAM:
    """A new network with random weights; `config` is a published name ("small", "vit_b") or a `ModelConfig`."""
    if isinstance(config, str):
        if config not in CONFIGS:
            raise ValueError(f"unknown configuration {config!r}; choose one of {sorted(CONFIGS)}")
        config = CONFIGS[config]
    return Fast3DSAM(config)


def without_clustering(model: Fast3DSAM) -> Fast3DSAM:
    """The same weights with attention among all tokens, or SAM's own, to train the two side by side."""
    plain = build_model(model.config.without_clustering())
    weights = model.state_dict()
    plain.load_state_dict({name: weights[name] for name in plain.state_dict()})
    return plain


def freeze_pretrained(model: Fast3DSAM) -> None:
    """Freeze what the paper freezes: SAM's transformer, all but LoRA, adapters, norms and clustering.

    Of SAM's patch embedding and neck only what is new in 3D is trained: the merging of slices, the slice positions and
    the neck's convolution, which SAM knows in two dimensions only.
    """
    encoder = model.image_encoder
    trained = (*_ADAPTED, "clustering.")
    for name, parameter in encoder.blocks.named_parameters():
        parameter.requires_grad_(any(part in name for part in trained))
    if not model.config.patches_from_detail:
        encoder.patch_embed.proj.requires_grad_(False)
        encoder.patch_embed.position.requires_grad_(False)
        encoder.neck.reduce.requires_grad_(False)


def freeze_base(model: Fast3DSAM) -> None:
    """Freeze all that fine-tuning leaves as it is."""
    trained = set(finetuned_names(model))
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name in trained)


def finetuned_names(model: Fast3DSAM) -> List[str]:
    """The parameters that fine-tuning trains: LoRA, adapters, the blocks' norms, prompt encoder and mask decoder."""
    return [
        name
        for name, _ in model.named_parameters()
        if name.startswith(_LIGHT)
        or (name.startswith("image_encoder.blocks.") and any(part in name for part in _ADAPTED))
    ]


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
