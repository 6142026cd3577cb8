"""What the coarse embedding is worth: `python -m Testing.logic.training.measure_coarse DATA [WEIGHTS]`. Not a test.

Dice of one click on samples of the training engine, with the coarse embedding as it is, with its mean over the tile in
its place (and all that is made of it), and Dice of its draft at 1/8.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Dict, List, Optional

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from Fast3DSAM.Logic.checkpoints import load_model
from Fast3DSAM.Logic.model.image_encoder import ImageEmbedding, ImageEncoder3D
from Fast3DSAM.Logic.model.prompt_encoder import FOREGROUND, Prompts
from Fast3DSAM.Logic.training.click_step import spatial_share
from Fast3DSAM.Logic.training.data_engine import DataEngine
from Fast3DSAM.Logic.training.simulated_user import correcting_click

SAMPLES, TARGETS, SEED = 80, 3, 77


def without_coarse(encoder: ImageEncoder3D, image: Tensor, embedding: ImageEmbedding) -> ImageEmbedding:
    """The embedding of `image` that a constant coarse one leads to."""
    mean = embedding.coarse.mean((2, 3, 4), keepdim=True).expand_as(embedding.coarse).contiguous()
    half, quarter = encoder.top_down(*encoder.stem(image), mean)
    keys = F.normalize(encoder.quarter_key(quarter), dim=1), F.normalize(encoder.half_key(half), dim=1)
    return ImageEmbedding(mean, quarter, half, *keys, embedding.grey, embedding.fine)


def dice(found: Tensor, wanted: Tensor) -> List[float]:
    """Per row of two boolean batches."""
    both, sizes = (found & wanted).flatten(1).sum(1), found.flatten(1).sum(1) + wanted.flatten(1).sum(1)
    return (2 * both / sizes.clamp(min=1)).tolist()


def main(data: Path, weights: Optional[Path] = None) -> None:
    """Prints the means over all samples."""
    model = load_model(weights).model
    size = model.config.tile_size
    engine = DataEngine(data, size, TARGETS, SEED)
    found: Dict[str, List[float]] = {"as it is": [], "its mean": [], "its draft, at 1/8": [], "spatial share": []}
    for index in range(SAMPLES):
        rng, sample = np.random.default_rng([SEED, index]), engine[index]
        wanted = torch.from_numpy(sample.targets)[:, None]
        clicks = [correcting_click(rng, np.zeros_like(target), target) for target in sample.targets]
        points = torch.tensor([[click.position] for click in clicks], dtype=torch.float32)
        boxes, nothing = torch.full((TARGETS, 2, 3), torch.nan), torch.zeros(wanted.shape)
        prompts = Prompts(points, torch.full((TARGETS, 1), FOREGROUND), boxes, nothing)
        with torch.inference_mode():
            image = torch.from_numpy(sample.image)[None]
            whole = model.embed(image)
            first = model.decode(whole.repeat(TARGETS), prompts)
            second = model.decode(without_coarse(model.image_encoder, image, whole).repeat(TARGETS), prompts)
        found["as it is"] += dice(first.logits > 0, wanted)
        found["its mean"] += dice(second.logits > 0, wanted)
        share = F.adaptive_avg_pool3d(wanted.float(), first.draft.shape[2:])
        found["its draft, at 1/8"] += dice(first.draft > 0, share > 0.5)
        found["spatial share"].append(spatial_share(whole.coarse))
    for name, values in found.items():
        print(f"{name:20}{np.mean(values):.3f}")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
