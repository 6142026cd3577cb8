"""`fast3dsam evaluate`: the click protocol on a folder of image/label pairs, beside classical methods."""

from __future__ import annotations

from enum import Enum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, List, Optional, Tuple

import typer

if TYPE_CHECKING:
    from ..evaluation.evaluate import Settings
    from ..evaluation.results import EvaluationResult
    from ..evaluation.segmenters import Segmenter


class Method(str, Enum):
    """What can be evaluated."""

    FAST3DSAM = "fast3dsam"
    FLOAT32 = "fast3dsam-float32"  # not rounded, where the processor would: to see what rounding costs
    WATERSHED = "watershed"
    RANDOM_WALKER = "random-walker"
    GROW_FROM_SEEDS = "grow-from-seeds"


_ALL = [method for method in Method if method is not Method.FLOAT32]


class Test(str, Enum):
    """The click protocol, and the paper's two tests."""

    __test__ = False  # not for pytest
    PROTOCOL = "protocol"
    RANDOM = "random"
    SLICES = "slices"


class Role(str, Enum):
    """Part of a data folder with an INDEX.tsv."""

    TRAIN = "train"
    VAL = "val"
    TEST = "test"


def evaluate(
    data: Annotated[Path, typer.Argument(help="Folder of image/label pairs, nnU-Net data set, or one with split.pkl.")],
    method: Annotated[
        Optional[List[Method]],
        typer.Option(help="Repeat for several; the first one's errors place the clicks. All but float32 if left out."),
    ] = None,
    test: Annotated[
        Optional[List[Test]],
        typer.Option(
            help="protocol (5 clicks), random (10 + 10 random clicks), slices (up to 40). Repeat for several."
        ),
    ] = None,
    role: Annotated[Optional[Role], typer.Option(help="With an INDEX.tsv: which cases; val if left out.")] = None,
    fold: Annotated[int, typer.Option(help="With a split.pkl: the fold.")] = 0,
    split: Annotated[
        Optional[str], typer.Option(help="With a split.pkl: train, val, test ...; val if left out.")
    ] = None,
    clicks: Annotated[int, typer.Option(min=0, help="Clicks per target; 0: the test's own number.")] = 0,
    box: Annotated[bool, typer.Option("--box", help="Begin with a box prompt (step 0; protocol only).")] = False,
    own_clicks: Annotated[
        bool, typer.Option("--own-clicks", help="Click each method on its own errors, not all on the first one's.")
    ] = False,
    min_voxels: Annotated[int, typer.Option(min=1, help="Leave smaller targets out.")] = 100,
    max_targets_per_case: Annotated[int, typer.Option(min=0, help="Draw so many at random; 0: all.")] = 12,
    limit: Annotated[int, typer.Option(min=0, help="Only the first cases; 0: all.")] = 0,
    output: Annotated[Path, typer.Option(help="Folder for JSON, CSV and pictures.")] = Path("artefacts/evaluation"),
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, mps.")] = "auto",
    weights: Annotated[Optional[Path], typer.Option(help="Checkpoint; the bundled one if left out.")] = None,
    delta: Annotated[Optional[Path], typer.Option(help="File of `finetune`, on top of the weights.")] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Processes; seconds are only comparable with 1.")] = 1,
) -> None:
    """Measure Dice and NSD over simulated clicks: table, JSON, CSV, pictures."""
    from rich.console import Console

    from ..evaluation.datasets import find_cases
    from ..evaluation.evaluate import Settings
    from ..evaluation.report import print_summary

    try:
        runs = [
            Settings(t.value, clicks, box, own_clicks, min_voxels, max_targets_per_case)
            for t in test or [Test.PROTOCOL]
        ]
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    console = Console()
    dataset = find_cases(data, role.value if role else None, fold, split)
    cases, remarks = dataset.cases, dataset.remarks
    if limit and len(cases) > limit:
        remarks = (*remarks, f"{len(cases) - limit} cases beyond --limit")
        cases = cases[:limit]
    names = list(dict.fromkeys(m.value for m in method or _ALL))
    placed = "each method's own errors" if own_clicks else f"the errors of {names[0]}, the same for all"
    console.print(f"{len(cases)} cases ({dataset.layout}); clicks on {placed}.", highlight=False, soft_wrap=True)
    make = partial(make_segmenters, names, device, weights, delta)
    for settings in runs:
        result = _run(console, cases, make, settings, jobs, remarks)
        print_summary(console, result)
        for path in _write(result, output):
            console.print(str(path), highlight=False, soft_wrap=True)


def make_segmenters(
    names: List[str], device: str = "auto", weights: Optional[Path] = None, delta: Optional[Path] = None
) -> List[Segmenter]:
    """The methods of those names, in that order. A module-level function, so that worker processes can call it."""
    from ..evaluation.baselines import GrowFromSeeds, RandomWalker, Watershed
    from ..evaluation.segmenters import SessionSegmenter

    def session(name: str) -> SessionSegmenter:
        import torch

        from ..predictor import load_predictor
        from ..session import InteractiveSession

        precision = torch.float32 if name == Method.FLOAT32.value else None
        return SessionSegmenter(InteractiveSession(load_predictor(weights, device, delta, precision)), name)

    classical = {c.name: c for c in (Watershed, RandomWalker, GrowFromSeeds)}
    return [classical[name]() if name in classical else session(name) for name in names]


def _run(console, cases, make, settings: Settings, jobs: int, remarks: Tuple[str, ...]) -> EvaluationResult:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from ..evaluation.evaluate import evaluate_cases, evaluate_cases_in_processes
    from ..evaluation.report import print_case

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(settings.test, total=len(cases))

        def on_case(case) -> None:
            print_case(progress.console, case, settings.test)
            progress.advance(task)

        if jobs == 1:
            return evaluate_cases(cases, make(), settings, on_case, remarks)
        return evaluate_cases_in_processes(cases, make, jobs, settings, on_case, remarks)


def _write(result: EvaluationResult, folder: Path) -> List[Path]:
    from ..errors import VolumeFileError
    from ..evaluation.pictures import draw_curves, draw_sheet
    from ..evaluation.report import write_csv, write_json

    writers = {".json": write_json, ".csv": write_csv}
    if result.rows:
        writers.update({"_dice.png": draw_curves, "_cases.png": draw_sheet})
    paths = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for ending, write in writers.items():
            paths.append(folder / f"{result.test}{ending}")
            write(result, paths[-1])
    except OSError as error:
        raise VolumeFileError(f"{folder} cannot be written ({error}); choose another --output.") from error
    return paths
