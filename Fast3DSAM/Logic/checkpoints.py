"""Weights on disk: read safely, checked against the configuration, named by their hash."""

from __future__ import annotations

import hashlib
import pickle
from pathlib import Path
from typing import Any, Dict, NamedTuple, Optional, Union

import torch

from .errors import CheckpointError
from .model.build import build_model, convolutions_channels_last
from .model.config import ModelConfig
from .model.fast3dsam import Fast3DSAM
from .model.lora import merge_lora

FORMAT = "fast3dsam"
_WEIGHTS = Path(__file__).resolve().parent.parent / "Resources" / "Weights"


class LoadedModel(NamedTuple):
    """A network ready for inference, and the hash of the file it came from."""

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
        weights = {k: v.half() if v.is_floating_point() else v for k, v in weights.items()}
    torch.save({"format": FORMAT, "config": model.config.to_dict(), "weights": weights}, path)


def read_checkpoint(path: Union[str, Path]) -> Dict[str, Any]:
    """The file's dictionary, read with `weights_only=True`. Raises `CheckpointError` if damaged or foreign."""
    path = Path(path)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise CheckpointError(f"There is no checkpoint {path}; check the path.") from error
    except (RuntimeError, pickle.UnpicklingError, EOFError, ValueError, KeyError, OSError) as error:
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise CheckpointError(
            f"{path.name} cannot be read as a checkpoint ({reason}); download it again or choose another file."
        ) from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise CheckpointError(
            f"{path.name} is not a Fast3DSAM checkpoint; import SAM or released Fast 3D SAM weights first "
            "(fast3dsam --help)."
        )
    return content


def load_model(path: Optional[Union[str, Path]] = None, device: Union[str, torch.device] = "cpu") -> LoadedModel:
    """The bundled or the given weights as a network for inference: LoRA merged, gradients off.

    Raises `CheckpointError` that names the tensors that are missing, foreign or of another shape.
    """
    path = Path(path) if path else bundled_weights()
    content = read_checkpoint(path)
    try:
        config = ModelConfig.from_dict(content["config"])
        weights = content["weights"].items()
        state = {k: v.float() if v.is_floating_point() else v for k, v in weights}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CheckpointError(f"{path.name} has no usable configuration ({error}); choose another file.") from error
    model = build_model(config)
    _check_tensors(path.name, model.state_dict(), state)
    model.load_state_dict(state)
    merge_lora(model)
    convolutions_channels_last(model)
    return LoadedModel(model.eval().requires_grad_(False).to(device), file_hash(path))


def _check_tensors(name: str, expected: Dict[str, torch.Tensor], found: Dict[str, torch.Tensor]) -> None:
    missing = sorted(set(expected) - set(found))
    foreign = sorted(set(found) - set(expected))
    wrong = sorted(k for k in set(expected) & set(found) if expected[k].shape != found[k].shape)
    problems = [
        f"{len(keys)} {kind} ({', '.join(keys[:3])}{', ...' if len(keys) > 3 else ''})"
        for kind, keys in (("missing", missing), ("foreign", foreign), ("of another shape", wrong))
        if keys
    ]
    if problems:
        raise CheckpointError(f"{name} does not fit this network: tensors {'; '.join(problems)}; choose another file.")
