"""Deltas: what a fine-tuning changed, in a small file of its own that goes on top of the base weights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Mapping, Union

import torch
from torch import Tensor

from ..errors import CheckpointError
from .build import finetuned_names
from .fast3dsam import Fast3DSAM
from .weight_files import check_tensors, in_float16, in_float32, read_file

FORMAT = "fast3dsam-delta"


@dataclass(frozen=True)
class Delta:
    """The fine-tuned tensors by name, the configuration's name, and the SHA-256 of the base's file."""

    base: str
    config: str
    weights: Mapping[str, Tensor]

    @classmethod
    def of(cls, model: Fast3DSAM, base: str) -> Delta:
        """A copy of what fine-tuning trains in `model`, whose LoRA must not be merged yet."""
        state = model.state_dict()
        weights = {name: state[name].detach().cpu().clone() for name in finetuned_names(model)}
        return cls(base, model.config.name, weights)

    @classmethod
    def read(cls, path: Union[str, Path]) -> Delta:
        """Raises `CheckpointError` if the file is missing, damaged or no delta."""
        content = read_file(path)
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise CheckpointError(f"{Path(path).name} is not a Fast3DSAM delta; choose one that `finetune` wrote.")
        try:
            return cls(str(content["base"]), str(content["config"]), in_float32(content["weights"]))
        except (KeyError, AttributeError, TypeError) as error:
            raise CheckpointError(f"{Path(path).name} is a damaged delta ({error}); fine-tune again.") from error

    def save(self, path: Union[str, Path]) -> None:
        """Writes the tensors in half precision."""
        weights: Dict[str, Tensor] = in_float16(self.weights)
        torch.save({"format": FORMAT, "base": self.base, "config": self.config, "weights": weights}, path)

    def apply(self, model: Fast3DSAM, base: str, name: str = "The delta") -> None:
        """Puts the tensors into `model`, whose weights come from a file with the hash `base`, before LoRA is merged.

        Raises `CheckpointError` for a delta of other base weights; `name` is the file's, for the message.
        """
        if base != self.base:
            raise CheckpointError(
                f"{name} was fine-tuned on other base weights ({self.config}, {self.base[:12]}) than these "
                f"({model.config.name}, {base[:12]}); choose those weights or another delta."
            )
        state = model.state_dict()
        expected = {key: state[key] for key in finetuned_names(model)}
        check_tensors(name, expected, self.weights, "fine-tune again")
        model.load_state_dict({**state, **self.weights})
