"""`fast3dsam import-released`: check the published checkpoint and keep what a click needs of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer
from rich.console import Console

from ..errors import VolumeFileError


def import_released(
    checkpoint: Annotated[Path, typer.Argument(help="best.pth.tar as published with Fast 3D SAM.")],
    output: Annotated[
        Optional[Path], typer.Option("--output", "-o", help="File to write; beside the checkpoint if left out.")
    ] = None,
) -> None:
    """Check a released checkpoint, merge LoRA into its weights and write them alone, ready to load."""
    from ..released.load import load_released, save_compact

    network = load_released(checkpoint)
    target = output or checkpoint.with_name(f"{checkpoint.name.split('.')[0]}_merged.pt")
    if target.exists() and target.samefile(checkpoint):
        raise VolumeFileError(f"{str(target)!r} is the checkpoint itself; name another file with --output.")
    try:
        save_compact(network, target)
    except (OSError, RuntimeError) as error:  # torch reports a missing folder as a RuntimeError
        raise VolumeFileError(
            f"{str(target)!r} cannot be written ({error}); name another file with --output."
        ) from error
    sizes = [path.stat().st_size / 1e6 for path in (checkpoint, target)]
    parameters = sum(parameter.numel() for parameter in network.parameters()) / 1e6
    Console(highlight=False, soft_wrap=True).print(
        f"{checkpoint} is complete. Wrote {target}: {parameters:.1f} million merged parameters, "
        f"{sizes[1]:.0f} MB instead of {sizes[0]:.0f} MB."
    )
