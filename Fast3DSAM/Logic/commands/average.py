"""`fast3dsam average`: the mean of several checkpoints of one training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, List, Optional

import typer
from rich.console import Console


def average(
    weights: Annotated[
        List[Path], typer.Argument(help="Checkpoints that go back to the same weights; twice counts so.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Checkpoint to write, its card beside it.")],
    card: Annotated[Optional[Path], typer.Option(help="JSON with what the card says of data and licence.")] = None,
) -> None:
    """Average the weights of several checkpoints: steadier than each on images unlike the training's."""
    from ..training.averaging import average_weights

    extra = json.loads(card.read_text()) if card else None
    written = average_weights(weights, output, extra)
    Console(highlight=False, soft_wrap=True).print(f"weights {output}, card {written}")
