"""SAM's image encoder as the start of ours: `sam_vit_b_01ec64.pth`, MedSAM and others of that format."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, Mapping, Union

import torch
from torch import Tensor

from ..errors import CheckpointError
from .build import build_model
from .config import VIT_B, ModelConfig
from .fast3dsam import Fast3DSAM
from .weight_files import check_tensors, read_file

_ENCODER = "image_encoder."
_OTHER_PARTS = ("prompt_encoder.", "mask_decoder.")  # in two dimensions; ours are new
_OWN = {"pixel_mean", "pixel_std"}
_REMEDY = "give the published sam_vit_b_01ec64.pth, medsam_vit_b.pth or another whole file of that format"
_NAMES = {
    "patch_embed.proj.weight": "patch_embed.proj.weight",
    "patch_embed.proj.bias": "patch_embed.proj.bias",
    "pos_embed": "patch_embed.position",
    "neck.0.weight": "neck.reduce.weight",
    "neck.1.weight": "neck.norm1.weight",
    "neck.1.bias": "neck.norm1.bias",
    "neck.2.weight": "neck.conv.weight",
    "neck.3.weight": "neck.norm2.weight",
    "neck.3.bias": "neck.norm2.bias",
}
_BLOCK_NAMES = {
    "norm1": "norm1",
    "attn.qkv": "attn.qkv.qkv",
    "attn.proj": "attn.proj",
    "norm2": "norm2",
    "mlp.lin1": "mlp.0",
    "mlp.lin2": "mlp.2",
}


def import_sam(path: Union[str, Path], config: ModelConfig = VIT_B, seed: int = 0) -> Fast3DSAM:
    """A network of `config` whose image encoder has SAM's weights; what SAM lacks is new, the same for the same `seed`.

    Raises `CheckpointError` that names the tensors that are missing, foreign or of another shape.
    """
    path = Path(path)
    content = read_file(path)
    if not isinstance(content, Mapping):
        raise CheckpointError(f"{path.name} holds a {type(content).__name__} and not SAM's tensors; {_REMEDY}.")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = build_model(config)
    fill_with_sam(model, content, path.name)
    return model


def fill_with_sam(model: Fast3DSAM, sam: Mapping[str, Any], name: str = "The state") -> None:
    """Puts the tensors of a whole SAM (its state dict) into the image encoder of `model`, in place.

    What SAM has not is set so that it changes nothing yet: slices are averaged, slice positions are zero, the neck's
    convolution does not look at neighbouring slices. `name` is the file's, for messages.
    """
    config = model.config
    if config.patches_from_detail or not config.relative_position or not config.neck_hidden:
        raise ValueError(f"the configuration {config.name!r} has not SAM's parts; choose one like 'vit_b'")
    state = model.image_encoder.state_dict()
    names = sam_names(config.depth)
    expected = {_ENCODER + theirs: _as_in_sam(theirs, state[ours]) for theirs, ours in names.items()}
    found = {k: v for k, v in sam.items() if not (str(k).startswith(_OTHER_PARTS) or k in _OWN)}
    check_tensors(name, expected, found, _REMEDY)
    for theirs, ours in names.items():
        tensor = found[_ENCODER + theirs].float()
        if theirs == "neck.2.weight":
            tensor = _in_middle_slice(tensor)
        state[ours] = tensor.reshape(state[ours].shape)
    state["patch_embed.slice_position"] = torch.zeros_like(state["patch_embed.slice_position"])
    model.image_encoder.load_state_dict(state)


def sam_names(depth: int) -> Dict[str, str]:
    """The names of an image encoder of `depth` blocks in SAM -> here."""
    names = dict(_NAMES)
    for block in range(depth):
        for theirs, ours in _BLOCK_NAMES.items():
            for kind in ("weight", "bias"):
                names[f"blocks.{block}.{theirs}.{kind}"] = f"blocks.{block}.{ours}.{kind}"
        for table in ("rel_pos_h", "rel_pos_w"):
            names[f"blocks.{block}.attn.{table}"] = f"blocks.{block}.attn.{table}"
    return names


def _as_in_sam(theirs: str, ours: Tensor) -> Tensor:
    """A tensor of the shape that SAM stores: its 1x1 convolution is our linear map, its 3x3 one a slice of ours."""
    if theirs == "neck.0.weight":
        return ours[:, :, None, None]
    return ours[:, :, 1] if theirs == "neck.2.weight" else ours


def _in_middle_slice(kernel: Tensor) -> Tensor:
    """(O, I, 3, 3) -> (O, I, 3, 3, 3) that sees the middle slice only."""
    grown = kernel.new_zeros(*kernel.shape[:2], 3, *kernel.shape[2:])
    grown[:, :, 1] = kernel
    return grown
