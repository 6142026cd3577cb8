"""Small networks with random weights, and random inputs for them."""

from __future__ import annotations

import torch

from Fast3DSAM.Logic.model.build import build_model
from Fast3DSAM.Logic.model.config import ModelConfig
from Fast3DSAM.Logic.model.fast3dsam import Fast3DSAM
from Fast3DSAM.Logic.model.prompt_encoder import BACKGROUND, FOREGROUND, Prompts

TINY = ModelConfig(
    name="tiny", tile_size=32, width=32, depth=2, heads=2, mlp_ratio=2.0, adapter_width=8, neck_width=32,
    detail_widths=(8, 16), decoder_widths=(8, 16), key_widths=(4, 8), thin_width=4,
)  # fmt: skip


def network(config: ModelConfig = TINY, seed: int = 0) -> Fast3DSAM:
    """Random weights everywhere: also where a new network has zeros, so that nothing is hidden."""
    torch.manual_seed(seed)
    model = build_model(config).eval().requires_grad_(False)
    for parameter in model.parameters():
        if not parameter.any():
            parameter.normal_(0, 0.1)
    return model


def image(edge: int = 32, batch: int = 1, seed: int = 1) -> torch.Tensor:
    return torch.randn(batch, 3, edge, edge, edge, generator=torch.Generator().manual_seed(seed))


def prompts(edge: int = 32, rows: int = 1, clicks: int = 3, seed: int = 2) -> Prompts:
    """Clicks of both signs, the first of each row in the foreground; no box, no earlier mask."""
    generator = torch.Generator().manual_seed(seed)
    points = torch.rand(rows, clicks, 3, generator=generator) * (edge - 1)
    labels = torch.tensor([FOREGROUND, BACKGROUND] * clicks)[:clicks].repeat(rows, 1)
    return Prompts(points, labels, torch.full((rows, 2, 3), torch.nan), torch.zeros(rows, 1, edge, edge, edge))
