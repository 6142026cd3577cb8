"""What is learnt of the training's own samples: `python -m Testing.logic.training.measure_samples DATA [WEIGHTS]`.

Not a test. Dice after one, two and three clicks on samples of the training engine, on tiles as the session's, by where
the samples come from and by how long the object is.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Iterator, List, NamedTuple, Optional

import numpy as np
import torch

from Fast3DSAM.Logic.checkpoints import load_model
from Fast3DSAM.Logic.geometry import Box
from Fast3DSAM.Logic.model.fast3dsam import Fast3DSAM
from Fast3DSAM.Logic.model.image_encoder import ImageEmbedding
from Fast3DSAM.Logic.model.prompt_encoder import Prompts
from Fast3DSAM.Logic.training.data_engine import DataEngine, Mix
from Fast3DSAM.Logic.training.simulated_user import correcting_click
from Testing.logic.training.measure_coarse import dice

SAMPLES, TARGETS, CLICKS, SEED = 45, 3, 3, 99
SOURCES = {
    "image/label pairs": Mix(real=1, images=0, real_labels=0, drawn=0, pasted=0),
    "atlases, made-up images": Mix(real=0, images=0, real_labels=1, drawn=0),
    "regions of real images": Mix(real=0, images=1, real_labels=0, drawn=0, pasted=0),
    "images that were drawn on": Mix(real=0, images=0, real_labels=0, drawn=1, pasted=0),
    "made-up label maps": Mix(real=0, images=0, real_labels=0, drawn=0),
}
LENGTHS = (0.0, 0.25, 0.5, 0.75, 1.01)  # of objects, in shares of the tile's edge


class Measured(NamedTuple):
    """`length` of an object in shares of the tile's edge, `dice` after each click."""

    length: float
    dice: List[float]


def clicked(model: Fast3DSAM, embedding: ImageEmbedding, target: np.ndarray, rng: np.random.Generator) -> List[float]:
    """Dice after each click into the largest error of the mask before; `target` bool (n, n, n)."""
    wanted, found = torch.from_numpy(target)[None, None], []
    logits, clicks = torch.zeros(wanted.shape), []
    for _ in range(CLICKS):
        clicks.append(correcting_click(rng, (logits[0, 0] > 0).numpy(), target))
        points = torch.tensor([[click.position for click in clicks]], dtype=torch.float32)
        labels = torch.tensor([[click.label for click in clicks]])
        logits = model.decode(embedding, Prompts(points, labels, torch.full((1, 2, 3), torch.nan), logits)).logits
        found += dice(logits > 0, wanted)
    return found


def measured(model: Fast3DSAM, data: Path, mix: Mix) -> Iterator[Measured]:
    """Every different target of `SAMPLES` samples."""
    engine = DataEngine(data, model.config.tile_size, TARGETS, SEED, mix)
    for index in range(SAMPLES):
        rng, sample = np.random.default_rng([SEED, index]), engine[index]
        with torch.inference_mode():
            embedding = model.embed(torch.from_numpy(sample.image)[None])
            for target in np.unique(sample.targets, axis=0):
                length = max(Box.of_mask(target).shape) / len(target)
                yield Measured(length, clicked(model, embedding, target, rng))


def main(data: Path, weights: Optional[Path] = None) -> None:
    """Prints the means per source and length."""
    model = load_model(weights).model
    for name, mix in SOURCES.items():
        rows = list(measured(model, data, mix))
        _print(name, rows)
        for low, high in zip(LENGTHS, LENGTHS[1:]):
            _print(f"  {low:.2f} to {high:.2f} long", [row for row in rows if low <= row.length < high])


def _print(name: str, rows: List[Measured]) -> None:
    if rows:
        means = "  ".join(f"{value:.3f}" for value in np.mean([row.dice for row in rows], 0))
        print(f"{name:28}{len(rows):4}  {means}")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
