"""Several checkpoints of one training made one, by the mean of their weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, Optional, Sequence

import torch

from ..checkpoints import file_hash, read_model
from ..errors import CheckpointError
from .publish import write_weights


def average_weights(paths: Sequence[Path], output: Path, card: Optional[Dict[str, Any]] = None) -> Path:
    """Writes the mean of the checkpoints `paths` to `output` in half precision, and its card; returns the card's path.

    Checkpoints that went on from the same weights, in any way, can be averaged; the mean keeps more of what each knows
    of images unlike those it saw last (Wortsman et al., Model soups, ICML 2022). A path given twice counts twice. The
    card has the training of each from the card beside it, and what `card` adds.

    Raises `CheckpointError` for checkpoints of different configurations.
    """
    models = [read_model(path).model for path in paths]
    for path, other in zip(paths, models):
        if other.config != models[0].config:
            raise CheckpointError(
                f"{Path(path).name} has another configuration than {Path(paths[0]).name}; average checkpoints of one."
            )
    mean, states = models[0], [model.state_dict() for model in models]
    mean.load_state_dict(
        {
            name: torch.stack([state[name] for state in states]).mean(0) if value.is_floating_point() else value
            for name, value in states[0].items()
        }
    )
    parts = [{"sha256": file_hash(path), "training": _training(Path(path))} for path in paths]
    return write_weights(mean, output, {"mean_of": parts, **(card or {})})


def _training(path: Path) -> Optional[Dict[str, Any]]:
    """What the card beside a checkpoint says of its training, if there is one."""
    card = path.with_suffix(".json")
    return json.loads(card.read_text()).get("training") if card.is_file() else None
