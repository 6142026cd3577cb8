"""From a training state to weights that can be bundled, with their card."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, Optional

from ..checkpoints import file_hash, save_model
from ..model.build import build_model
from ..model.config import ModelConfig
from .trainer import load_training_state


def publish_weights(state_path: Path, weights_path: Path, card: Optional[Dict[str, Any]] = None) -> Path:
    """Writes the averaged (EMA) weights of a training state in half precision, and `weights_path`.json beside them.

    The card says how they were trained (plan, steps, hours, last losses), what `card` adds (data, licence, figures) and
    the file's SHA-256. Returns the card's path.
    """
    state = load_training_state(state_path)
    model = build_model(ModelConfig.from_dict(state["config"]))
    model.load_state_dict(state["ema"])
    weights_path.parent.mkdir(parents=True, exist_ok=True)
    save_model(model, weights_path, half=True)
    text = {
        "name": state["config"]["name"],
        "sha256": file_hash(weights_path),
        "parameters": sum(p.numel() for p in model.parameters()),
        "config": state["config"],
        "training": {
            "plan": state["plan"],
            "steps": state["step"],
            "hours": round(state["seconds"] / 3600, 2),
            "last": state["history"][-1] if state["history"] else None,
        },
        **(card or {}),
    }
    card_path = weights_path.with_suffix(".json")
    card_path.write_text(json.dumps(text, indent=2) + "\n")
    return card_path
