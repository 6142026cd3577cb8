"""Weights on disk: read safely, checked against the configuration, named by their hash."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, NamedTuple, Optional, Union

import torch

from .errors import CheckpointError
from .model.build import build_model, convolutions_channels_last
from .model.config import ModelConfig
from .model.delta import Delta
from .model.fast3dsam import Fast3DSAM
from .model.lora import merge_lora
from .model.weight_files import check_tensors, in_float16, in_float32, read_file

if TYPE_CHECKING:
    from .released.network import ReleasedNetwork

FORMAT = "fast3dsam"
_WEIGHTS = Path(__file__).resolve().parent.parent / "Resources" / "Weights"


class LoadedModel(NamedTuple):
    """A network, and the hash of the file (with a delta: of both files) it came from."""

    model: Fast3DSAM
    fingerprint: str


def bundled_weights() -> Path:
    """The weights that come with the extension. Raises `CheckpointError` if they are missing."""
    path = _WEIGHTS / "small.pt"
    if not path.is_file():
        raise CheckpointError(f"The bundled weights {path.name} are missing; reinstall Fast3DSAM.")
    return path


def file_hash(path: Union[str, Path]) -> str:
    """SHA-256 of a file, hexadecimal."""
    digest = hashlib.sha256()
    with Path(path).open("rb") as file:
        for piece in iter(lambda: file.read(1 << 20), b""):
            digest.update(piece)
    return digest.hexdigest()


def save_model(model: Fast3DSAM, path: Union[str, Path], half: bool = False) -> None:
    """Writes configuration and weights; `half` stores float16, half the size."""
    weights = {k: v.detach().cpu().contiguous() for k, v in model.state_dict().items()}
    if half:
        weights = in_float16(weights)
    torch.save({"format": FORMAT, "config": model.config.to_dict(), "weights": weights}, path)


def read_checkpoint(path: Union[str, Path]) -> Dict[str, Any]:
    """The file's dictionary, read with `weights_only=True`. Raises `CheckpointError` if damaged or foreign."""
    path = Path(path)
    content = read_file(path)
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise CheckpointError(
            f"{path.name} is not a Fast3DSAM checkpoint; import SAM or released Fast 3D SAM weights first "
            "(fast3dsam --help)."
        )
    return content


def read_model(path: Optional[Union[str, Path]] = None) -> LoadedModel:
    """The bundled or the given weights as a network that can be trained on: LoRA apart, on the CPU.

    Raises `CheckpointError` that names the tensors that are missing, foreign or of another shape.
    """
    path = Path(path) if path else bundled_weights()
    content = read_checkpoint(path)
    try:
        config = ModelConfig.from_dict(content["config"])
        state = in_float32(content["weights"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CheckpointError(f"{path.name} has no usable configuration ({error}); choose another file.") from error
    model = build_model(config)
    check_tensors(path.name, model.state_dict(), state, "choose another file")
    model.load_state_dict(state)
    return LoadedModel(model, file_hash(path))


def load_model(
    path: Optional[Union[str, Path]] = None,
    device: Union[str, torch.device] = "cpu",
    delta: Optional[Union[str, Path]] = None,
) -> LoadedModel:
    """The bundled or the given weights as a network for inference: LoRA merged, gradients off.

    `delta` is a file of `fast3dsam finetune`; the fingerprint then names both. Raises `CheckpointError` as `read_model`
    does, and for a delta of other weights.
    """
    model, fingerprint = read_model(path)
    if delta:
        Delta.read(delta).apply(model, fingerprint, Path(delta).name)
        fingerprint = hashlib.sha256(f"{fingerprint} {file_hash(delta)}".encode()).hexdigest()
    return LoadedModel(ready_for_inference(model, device), fingerprint)


def ready_for_inference(model: Fast3DSAM, device: Union[str, torch.device] = "cpu") -> Fast3DSAM:
    """The same network in place: LoRA merged, gradients off, convolutions laid out for the CPU."""
    merge_lora(model)
    convolutions_channels_last(model)
    return model.eval().requires_grad_(False).to(device)


def load_released(path: Union[str, Path]) -> ReleasedNetwork:
    """The released Fast 3D SAM network, from the published `best.pth.tar` or an imported file; see `released`."""
    from .released.load import load_released as load

    return load(path)
