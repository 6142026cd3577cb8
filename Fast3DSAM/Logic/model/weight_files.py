"""Files of tensors: read safely, and compared with what a network expects."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any, Mapping, Union

import torch
from torch import Tensor

from ..errors import CheckpointError

_NAMED = 3  # tensors of a kind that a message names


def read_file(path: Union[str, Path]) -> Any:
    """The file's content, read with `weights_only=True`. Raises `CheckpointError` if it is missing or damaged."""
    path = Path(path)
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise CheckpointError(f"There is no checkpoint {path}; check the path.") from error
    except (RuntimeError, pickle.UnpicklingError, EOFError, ValueError, KeyError, OSError) as error:
        reason = str(error).splitlines()[0].split(". ")[0][:120] if str(error) else type(error).__name__
        raise CheckpointError(
            f"{path.name} cannot be read as a checkpoint ({reason}); download it again or choose another file."
        ) from error


def check_tensors(name: str, expected: Mapping[str, Tensor], found: Mapping[str, Any], remedy: str) -> None:
    """Raises `CheckpointError` that names the tensors that are missing, foreign or of another shape, and `remedy`."""
    missing = sorted(set(expected) - set(found))
    foreign = sorted(set(found) - set(expected))
    wrong = sorted(k for k in set(expected) & set(found) if expected[k].shape != getattr(found[k], "shape", None))
    problems = [
        f"{len(keys)} {kind} ({', '.join(map(str, keys[:_NAMED]))}{', ...' if len(keys) > _NAMED else ''})"
        for kind, keys in (("missing", missing), ("foreign", foreign), ("of another shape", wrong))
        if keys
    ]
    if problems:
        raise CheckpointError(f"{name} does not fit this network: tensors {'; '.join(problems)}; {remedy}.")


def in_float32(tensors: Mapping[str, Tensor]) -> dict:
    """The same tensors, those of half precision widened."""
    return {k: v.float() if v.is_floating_point() else v for k, v in tensors.items()}


def in_float16(tensors: Mapping[str, Tensor]) -> dict:
    """The same tensors, floating ones in half precision: half the file."""
    return {k: v.half() if v.is_floating_point() else v for k, v in tensors.items()}
