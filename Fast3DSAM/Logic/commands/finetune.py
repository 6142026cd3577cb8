"""`fast3dsam finetune`: adapt the network to one's own cases, with a table of what it brought."""

from __future__ import annotations

import json
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Dict, Optional, Sequence

import typer
from rich.console import Console
from rich.table import Table

from ..errors import VolumeFileError

if TYPE_CHECKING:
    from ..evaluation.results import TargetResult
    from ..training.finetune import FinetuneResult
    from ..training.own_cases import Split


def finetune(
    data: Annotated[Path, typer.Argument(help="Folder of image/label pairs, as for `evaluate`.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Delta file to write.")],
    weights: Annotated[Optional[Path], typer.Option(help="Base checkpoint; the bundled one if left out.")] = None,
    role: Annotated[Optional[str], typer.Option(help="With an INDEX.tsv: train or val.")] = None,
    only: Annotated[str, typer.Option(help="Only cases whose name fits, such as 'liver*'.")] = "*",
    limit: Annotated[int, typer.Option(min=0, help="Only the first cases; 0: all.")] = 0,
    held_out: Annotated[int, typer.Option(min=0, help="Cases that decide when to stop; 0: a quarter.")] = 0,
    unseen: Annotated[int, typer.Option(min=0, help="Cases that are only measured, before and after.")] = 0,
    steps: Annotated[int, typer.Option(min=1, help="At most so many steps.")] = 400,
    check_every: Annotated[int, typer.Option(min=1, help="Steps between two looks at the held-out cases.")] = 50,
    patience: Annotated[int, typer.Option(min=1, help="Looks without progress before it stops.")] = 3,
    crop: Annotated[int, typer.Option(min=0, help="Edge of the training crops in voxels; 0: the tile's.")] = 0,
    learning_rate: Annotated[float, typer.Option(min=0.0)] = 5e-4,
    precision: Annotated[str, typer.Option(help="Lightning Fabric's name of a precision, or auto.")] = "auto",
    threads: Annotated[Optional[int], typer.Option(min=1, help="Processor threads for the network.")] = None,
    workers: Annotated[int, typer.Option(min=0, help="Processes that make samples.")] = 1,
    seed: Annotated[int, typer.Option()] = 0,
    report: Annotated[Optional[Path], typer.Option(help="Write the figures to this JSON file.")] = None,
) -> None:
    """Learn from a few labelled cases; the base stays as it is, what was learned goes into a small file for --delta."""
    import torch

    from ..evaluation.datasets import find_cases
    from ..training.finetune import FinetunePlan, Finetuner
    from ..training.own_cases import readable_cases, split_cases

    screen = Console(highlight=False, soft_wrap=True)
    if role == "test":
        raise typer.BadParameter("cases of the role test are there to be measured only; choose train or val")
    _check_writable(output)
    if report is not None:
        _check_writable(report)
    found = [case for case in find_cases(data, role).cases if fnmatch(case.id, only)]
    cases, remarks = readable_cases(found[:limit] if limit else found)
    for remark in remarks:
        screen.print(f"left out: {remark}")
    split = split_cases(cases, held_out, unseen, seed)
    screen.print(
        f"{len(split.train)} cases to train on, {len(split.held_out)} held out to decide when to stop, "
        f"{len(split.unseen)} unseen."
    )
    if threads:
        torch.set_num_threads(threads)
    plan = FinetunePlan(
        steps=steps,
        check_every=check_every,
        patience=patience,
        crop=crop,
        learning_rate=learning_rate,
        seed=seed,
        precision=precision,
    )
    result = Finetuner(split, plan, weights, screen.print, workers).run(output)
    figures = {name: _figures(result, getattr(split, name)) for name in ("held_out", "unseen") if getattr(split, name)}
    if result.delta is None:
        screen.print("No look at the held-out cases was better than the base; no file is written. Try more cases.")
    else:
        screen.print(_table(figures))
        screen.print(f"Delta: {output} ({output.stat().st_size / 1e6:.2f} MB); use it with --delta {output}.")
    if report is not None:
        report.write_text(json.dumps(_content(result, split, figures), indent=2) + "\n", encoding="utf-8")


def _check_writable(path: Path) -> None:
    if path.is_dir() or not path.parent.is_dir():
        raise VolumeFileError(f"{str(path)!r} cannot be written; name a file in a folder that exists.")


def _figures(result: FinetuneResult, cases: Sequence) -> Dict[str, Any]:
    """Means over the targets of `cases`, [before, after] each, and how many targets got better."""
    from ..training.own_cases import mean_dice, rows_of

    both = [rows_of(r, cases) for r in (result.before, result.after)]
    better = sum(_mean(after) > _mean(before) for before, after in zip(*both))
    figures: Dict[str, Any] = {"cases": len(cases), "targets": len(both[0]), "better": better}
    figures["mean Dice"] = [mean_dice(r, cases) for r in (result.before, result.after)]
    last = len(both[0][0].steps)
    for name, step, value in (
        ("Dice, 1 click", 0, "dsc"),
        (f"Dice, {last} clicks", last - 1, "dsc"),
        (f"NSD, {last} clicks", last - 1, "nsd"),
    ):
        figures[name] = [_average(getattr(row.steps[step], value) for row in rows) for rows in both]
    return figures


def _mean(row: TargetResult) -> float:
    return _average(step.dsc for step in row.steps)


def _average(values) -> float:
    found = list(values)
    return float(sum(found) / len(found))


def _table(figures: Dict[str, Dict[str, Any]]) -> Table:
    table = Table(title="click protocol, before -> after")
    table.add_column("mean over targets")
    for kind, values in figures.items():
        table.add_column(f"{values['cases']} {kind.replace('_', ' ')}", justify="right", no_wrap=True)
    for name, value in next(iter(figures.values())).items():
        if isinstance(value, list):
            table.add_row(name, *("{:.3f} -> {:.3f}".format(*values[name]) for values in figures.values()))
    table.add_row("targets that got better", *(f"{v['better']} of {v['targets']}" for v in figures.values()))
    return table


def _content(result: FinetuneResult, split: Split, figures: Dict[str, Any]) -> Dict[str, Any]:
    cases = {name: [c.id for c in getattr(split, name)] for name in ("train", "held_out", "unseen")}
    return {"delta": str(result.delta) if result.delta else None, "cases": cases, "checks": result.checks, **figures}
