"""`fast3dsam app`: the product in a browser, on this computer."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Optional

import typer

from ..errors import MissingDependencyError, VolumeFileError
from ..threads import wait_asleep


def app(
    volume: Annotated[
        Optional[Path], typer.Argument(help="NIfTI, NRRD or MHA file or DICOM folder; a sample CT if left out.")
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on; others than this computer's need --token.")] = (
        "127.0.0.1"
    ),
    port: Annotated[
        Optional[int], typer.Option(help="Port to listen on, 0 for any free one; 8080 if it is free.")
    ] = None,
    token: Annotated[str, typer.Option(help="Key that browsers must bring.", envvar="FAST3DSAM_TOKEN")] = "",
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the browser.")] = True,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    weights: Annotated[Optional[Path], typer.Option(help="Checkpoint to use instead of the bundled one.")] = None,
    cache_dir: Annotated[Optional[Path], typer.Option(help="Folder that keeps embeddings between runs.")] = None,
    max_tabs: Annotated[int, typer.Option(help="How many tabs may be open at once.")] = 4,
    max_upload: Annotated[int, typer.Option(help="Largest upload in MB.")] = 1024,
) -> None:
    """Open the browser app: click into a structure of VOLUME and its 3D segment appears."""
    if find_spec("trame_slicer") is None:
        raise MissingDependencyError(
            "The browser app needs trame-slicer, which is not installed; run `pip install 'fast3dsam[app]'`."
        )
    if volume is not None and not volume.exists():
        raise VolumeFileError(f"There is no file or folder {str(volume)!r}; check the path.")
    wait_asleep()  # a browser draws beside it
    from ...Widgets.web.application import run
    from ...Widgets.web.settings import AppSettings

    settings = AppSettings(
        volume=volume or sample_volume(),
        host=host,
        port=port,
        token=token,
        device=device,
        weights=weights,
        cache_dir=cache_dir,
        max_tabs=max_tabs,
        upload_bytes=max_upload << 20,
    )
    run(settings, browser, typer.echo)


def sample_volume() -> Optional[Path]:
    """The chest CT that comes with slicerio; None where it is not installed."""
    spec = find_spec("slicerio")
    path = Path(spec.origin).parent / "data" / "CTChest4.nrrd" if spec and spec.origin else None
    return path if path is not None and path.is_file() else None
