"""`fast3dsam samples`: a picture sheet of what `fast3dsam train` draws."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer
from rich.console import Console


def samples(
    data: Annotated[Optional[Path], typer.Argument(help="Folder as for `train`; without one all is made up.")] = None,
    output: Annotated[Path, typer.Option(help="PNG to write.")] = Path("artefacts/samples.png"),
    count: Annotated[int, typer.Option(min=1, help="How many samples.")] = 48,
    crop: Annotated[int, typer.Option(min=16, help="Edge of the crops in voxels.")] = 48,
    targets: Annotated[int, typer.Option(min=1, max=4, help="Targets per image.")] = 3,
    seed: Annotated[int, typer.Option()] = 0,
) -> None:
    """Draw a sheet of training samples with their targets outlined."""
    from rich.progress import track

    from ..errors import VolumeFileError
    from ..training.data_engine import DataEngine
    from ..training.sample_sheet import draw_samples

    engine = DataEngine(data, crop, targets, seed)
    drawn = [engine[index] for index in track(range(count), description="Drawing samples", transient=True)]
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        draw_samples(drawn, output)
    except OSError as error:
        raise VolumeFileError(f"{output} cannot be written ({error}); choose another --output.") from error
    Console(highlight=False, soft_wrap=True).print(str(output))
