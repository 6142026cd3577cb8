"""From a training state to weights that can be bundled, with their card."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, Optional

from ..checkpoints import file_hash, save_model
from ..model.build import build_model
from ..model.config import ModelConfig
from ..model.fast3dsam import Fast3DSAM
from .trainer import load_training_state


def publish_weights(state_path: Path, weights_path: Path, card: Optional[Dict[str, Any]] = None) -> Path:
    """Writes the averaged (EMA) weights of a training state in half precision, and `weights_path`.json beside them.

    The card says how they were trained (plan, steps, hours, last losses), what `card` adds (data, licence, figures) and
    the file's SHA-256. Returns the card's path.
    """
    state = load_training_state(state_path)
    model = build_model(ModelConfig.from_dict(state["config"]))
    model.load_state_dict(state["ema"])
    training = {
        "plan": state["plan"],
        "steps": state["step"],
        "hours": round(state["seconds"] / 3600, 2),
        "last": state["history"][-1] if state["history"] else None,
    }
    return write_weights(model, weights_path, {"training": training, **(card or {})})


def write_weights(model: Fast3DSAM, weights_path: Path, card: Dict[str, Any]) -> Path:
    """Writes a network in half precision, and the card beside it: name, hash, configuration, and what `card` says."""
    weights_path.parent.mkdir(parents=True, exist_ok=True)
    save_model(model, weights_path, half=True)
    text = {
        "name": model.config.name,
        "sha256": file_hash(weights_path),
        "parameters": sum(p.numel() for p in model.parameters()),
        "config": model.config.to_dict(),
        **card,
    }
    card_path = weights_path.with_suffix(".json")
    card_path.write_text(json.dumps(text, indent=2) + "\n")
    return card_path
