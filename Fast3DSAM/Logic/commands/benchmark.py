"""`fast3dsam benchmark`: seconds and memory from the volume to the pixels of a click, over sizes and threads."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Dict, List, Optional, Tuple

import typer
from rich.console import Console
from rich.table import Table

from ..errors import VolumeFileError

if TYPE_CHECKING:
    from ..evaluation.benchmark import Cost

_ADAPTER_HELP = (
    "fast3dsam, fast3dsam-float32 (not rounded), released (the published network, random weights), or module:factory "
    "of your own model; may be given again to time several in one run. "
    "What a factory returns is told in Logic/evaluation/contenders.py."
)


def benchmark(
    size: Annotated[Optional[List[str]], typer.Option(help="Volume as IxJxK voxels; may be given again.")] = None,
    threads: Annotated[Optional[List[int]], typer.Option(min=1, help="Processor threads; may be given again.")] = None,
    adapter: Annotated[Optional[List[str]], typer.Option(help=_ADAPTER_HELP)] = None,
    repeats: Annotated[int, typer.Option(min=1, help="Rounds per volume; medians and 5-95 % are over these.")] = 5,
    seconds: Annotated[float, typer.Option(min=0.1, help="A stage is not repeated for longer than that.")] = 20.0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps, for Fast3DSAM's own network.")] = "auto",
    weights: Annotated[Optional[Path], typer.Option(help="Checkpoint instead of the bundled one.")] = None,
    scene: Annotated[bool, typer.Option(help="Time the MRML segment and the slice view too (slicer-core).")] = True,
    output: Annotated[Optional[Path], typer.Option(help="Write the figures to this JSON file.")] = None,
    picture: Annotated[Optional[Path], typer.Option(help="Draw the figures into this PNG file.")] = None,
) -> None:
    """Measure encoding, time to the first click, clicks, writing and drawing, memory, on made-up volumes."""
    from ..evaluation.benchmark import SIZES, Cost, Task, run
    from ..evaluation.contenders import find_factory
    from ..evaluation.machine import machine

    screen = Console(highlight=False)
    for path in (output, picture):
        if path is not None and (path.is_dir() or not path.parent.is_dir()):
            raise VolumeFileError(f"{str(path)!r} cannot be written; name a file in a folder that exists.")
    shapes = [_shape(text) for text in size] if size else list(SIZES)
    names = adapter or ["fast3dsam"]
    factories = {name: find_factory(name, device, weights) for name in names}
    found: List[Cost] = []
    failures: List[Dict[str, Any]] = []
    for name, factory in factories.items():
        for count in threads or [_usable()]:
            for shape in shapes:
                label = f"{name}, {_text(shape)}, {count} thread{'s' if count > 1 else ''}"
                with screen.status(label):
                    result = run(Task(partial(factory), shape, count, repeats, seconds, scene))
                if isinstance(result, Cost):
                    found.append(result)
                    if result.left_out:
                        screen.print(f"{label}: {result.left_out}")
                else:
                    failures.append({"adapter": name, "shape": shape, "threads": count, "reason": result.reason})
                    screen.print(f"[red]{label}: {result.reason}[/]")
    where = machine()
    versions = ", ".join(f"{package} {version}" for package, version in where["packages"].items())
    screen.print(f"{where['processor']}, {where['cores']} cores; {versions}")
    for name, count in sorted({(cost.name, cost.threads) for cost in found}):
        screen.print(_table([c for c in found if (c.name, c.threads) == (name, count)]))
    if output:
        content = {"machine": where, "costs": [cost.to_dict() for cost in found], "failures": failures}
        output.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    if picture and found:
        from ..evaluation.benchmark_picture import draw_costs

        draw_costs(found, where, picture)


def _table(costs: List[Cost]) -> Table:
    """Sizes across, stages down."""
    first = costs[0]
    title = f"{first.name}, {first.threads} thread{'s' if first.threads > 1 else ''}; ms: median (5-95 %)"
    table = Table(title=title)
    table.add_column("voxels (i, j, k)", no_wrap=True, min_width=18)
    for cost in costs:
        table.add_column(_text(cost.shape), justify="right", no_wrap=True)
    for name in first.cold:
        table.add_row(f"{name}, cold", *(f"{1e3 * cost.cold[name]:.0f}" for cost in costs))
    for name in first.warm:
        table.add_row(name, *(cost.warm[name].text() if name in cost.warm else "" for cost in costs))
    table.add_row("peak GB, volume in it", *(f"{cost.peak_gb:.2f} ({cost.volume_gb:.2f})" for cost in costs))
    return table


def _usable() -> int:
    from ..evaluation.machine import machine

    return machine()["cores"]


def _text(shape: Tuple[int, int, int]) -> str:
    return "x".join(map(str, shape[::-1]))


def _shape(text: str) -> Tuple[int, int, int]:
    parts = text.lower().split("x")
    if len(parts) != 3 or not all(part.isdigit() and int(part) >= 128 for part in parts):
        raise typer.BadParameter(f"{text!r} is not IxJxK with at least 128 voxels along each axis")
    return tuple(int(part) for part in reversed(parts))
