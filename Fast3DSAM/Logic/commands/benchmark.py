"""`fast3dsam benchmark`: seconds and memory of a session on volumes of growing size."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, List, Optional

import typer
from rich.console import Console
from rich.table import Table

DEFAULT_SIZES = ["128x128x128", "256x256x256", "512x512x300"]


def benchmark(
    size: Annotated[Optional[List[str]], typer.Option(help="Volume as IxJxK voxels; may be given again.")] = None,
    threads: Annotated[Optional[int], typer.Option(help="Processor threads; all by default.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    weights: Annotated[Optional[Path], typer.Option(help="Checkpoint instead of the bundled one.")] = None,
    output: Annotated[Optional[Path], typer.Option(help="Write the figures to this JSON file.")] = None,
) -> None:
    """Measure time until ready, time per click and peak memory on made-up volumes."""
    import torch

    from ..evaluation.benchmark import benchmark_sessions, machine, peak_memory_gb
    from ..session import InteractiveSession

    if threads:
        torch.set_num_threads(threads)
    screen = Console(highlight=False)
    shapes = [_shape(text) for text in size or DEFAULT_SIZES]
    InteractiveSession.local(device, weights)  # what loading itself needs is not the volume's
    before = peak_memory_gb()
    costs = benchmark_sessions(
        lambda: InteractiveSession.local(device, weights), shapes, lambda text: screen.print(f"[dim]{text}[/]")
    )
    table = Table(title=f"{machine()}; {before:.2f} GB before the first volume")
    for name in ("voxels (i, j, k)", "ready s", "first click ms", "click ms: median (5-95 %)", "undo ms", "peak GB"):
        table.add_column(name, justify="right")
    for cost in costs:
        figures = cost.summary()
        table.add_row(
            "x".join(map(str, cost.shape[::-1])),
            f"{cost.ready:.2f}",
            f"{1e3 * figures['first_median']:.0f}",
            f"{1e3 * figures['median']:.0f} ({1e3 * figures['low']:.0f}-{1e3 * figures['high']:.0f})",
            f"{1e3 * cost.undo:.1f}",
            f"{cost.peak_gb - before:+.2f}",
        )
    screen.print(table)
    if output:
        rows = [cost.summary() for cost in costs]
        output.write_text(json.dumps({"machine": machine(), "gb_before": before, "sizes": rows}, indent=2) + "\n")


def _shape(text: str) -> tuple:
    parts = text.lower().split("x")
    if len(parts) != 3 or not all(part.isdigit() and int(part) >= 96 for part in parts):
        raise typer.BadParameter(f"{text!r} is not IxJxK with at least 96 voxels along each axis")
    return tuple(int(part) for part in reversed(parts))
