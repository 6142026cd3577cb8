"""`fast3dsam profile`: parameters, multiply-accumulates and seconds of the network, with and without clustering."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Dict, List, Optional, Tuple

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from ..operator_times import OperatorTime
    from ..profile import NetworkCost


def profile(
    config: Annotated[Optional[List[str]], typer.Option(help="small or vit_b; both if left out.")] = None,
    size: Annotated[int, typer.Option(min=0, help="Edge of the tile in voxels; 0: the configuration's own.")] = 0,
    window: Annotated[int, typer.Option(min=0, help="Clustering: tokens per axis of a window; 0: its own.")] = 0,
    centres: Annotated[int, typer.Option(min=0, help="Clustering: m is this to the third; 0: its own.")] = 0,
    iterations: Annotated[int, typer.Option(min=0, help="Clustering: rounds of assignment; 0: its own.")] = 0,
    repeats: Annotated[int, typer.Option(min=0, help="Runs per time that is measured; 0: measure no seconds.")] = 3,
    threads: Annotated[Optional[int], typer.Option(min=1, help="Processor threads; all by default.")] = None,
    operators: Annotated[bool, typer.Option(help="Also show which operators the seconds go to.")] = False,
    output: Annotated[Optional[Path], typer.Option(help="Write the figures to this JSON file.")] = None,
) -> None:
    """Count what one tile costs, per box of the paper: once, and at every click. Seconds are the processor's."""
    import torch

    from ..errors import VolumeFileError
    from ..evaluation.machine import machine_line
    from ..model.config import CONFIGS
    from ..operator_times import operator_times
    from ..profile import profile_network

    unknown = set(config or ()) - set(CONFIGS)
    if unknown:
        raise typer.BadParameter(f"there is no configuration {sorted(unknown)[0]!r}; choose {', '.join(CONFIGS)}")
    if threads:
        torch.set_num_threads(threads)
    screen = Console(highlight=False)
    costs, times = [], {}
    other = {"window": window, "centres": centres, "cluster_iterations": iterations}
    for name in config or CONFIGS:
        for clustering in (True, False):
            try:
                changed = replace(CONFIGS[name], **{key: value for key, value in other.items() if value})
                costs.append(profile_network(changed, clustering, size, repeats))
            except ValueError as error:
                raise typer.BadParameter(str(error)) from error
        screen.print(_table(*costs[-2:]))
        screen.print(_saved(*costs[-2:]))
        if operators:
            times[name] = operator_times(changed, size)
            for when, found in times[name].items():
                screen.print(_operator_table(f"{name}, {when}", found))
    if repeats or operators:
        screen.print(machine_line())
    if output:
        content = {
            "machine": machine_line(),
            "networks": [cost.to_dict() for cost in costs],
            "operators": _plain(times),
        }
        try:
            output.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        except OSError as error:
            raise VolumeFileError(f"{output} cannot be written ({error}); choose another --output.") from error


def _table(clustered: NetworkCost, dense: NetworkCost) -> Table:
    table = Table(title=f"{clustered.name}, one tile of {clustered.size}^3 voxels")
    for heading in ("box", "parameters M", "trained M", "GMACs", "GMACs without clustering"):
        table.add_column(heading, justify="left" if heading == "box" else "right")
    for box, other in zip(clustered.boxes, dense.boxes):
        table.add_row(box.name, _m(box.parameters), _m(box.trained), _g(box.macs), _g(other.macs))
    table.add_section()
    table.add_row("once", _m(clustered.parameters), _m(clustered.trained), _g(clustered.macs_once), _g(dense.macs_once))
    table.add_row("per click", "", "", _g(clustered.macs_per_click), _g(dense.macs_per_click))
    if clustered.seconds_once == clustered.seconds_once:
        table.add_row("seconds once", "", "", f"{clustered.seconds_once:.3f}", f"{dense.seconds_once:.3f}")
        per_click = f"{clustered.seconds_per_click:.3f}", f"{dense.seconds_per_click:.3f}"
        table.add_row("seconds per click", "", "", *per_click)
    return table


def _operator_table(title: str, times: Tuple[OperatorTime, ...]) -> Table:
    table = Table(title=title)
    for heading in ("operator", "calls", "ms", "share"):
        table.add_column(heading, justify="left" if heading == "operator" else "right")
    for time in times:
        table.add_row(time.name, str(time.calls), f"{time.milliseconds:.2f}", f"{time.share:.0%}")
    return table


def _plain(times: Dict[str, Dict[str, Tuple[OperatorTime, ...]]]) -> dict:
    return {name: {when: [asdict(t) for t in found] for when, found in two.items()} for name, two in times.items()}


def _saved(clustered: NetworkCost, dense: NetworkCost) -> str:
    spent, before = clustered.macs_of("attention", "token clustering"), dense.macs_of("attention")
    return (
        f"Token clustering saves {1 - spent / before:.0%} of attention's MACs, its own work included, and "
        f"{1 - clustered.macs_once / dense.macs_once:.0%} of all that is spent once."
    )


def _m(count: int) -> str:
    return f"{count / 1e6:.3f}"


def _g(count: int) -> str:
    return f"{count / 1e9:.3f}"
