"""`fast3dsam segment`: one structure of a volume file from clicks, as a labelmap and, if wanted, a picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, List, NamedTuple, Optional, Sequence

import numpy as np
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from typer.core import TyperCommand

from ..errors import InvalidPromptError
from .points import Space, check_inside, convert_points, parse_point

if TYPE_CHECKING:
    from ..session import InteractiveSession
    from ..volume_files import VolumeFile


class _Click(NamedTuple):
    text: str
    positive: bool


class ClicksInOrder(TyperCommand):
    """Keeps in `ctx.obj` in which order --foreground and --background were given, which click itself forgets."""

    def parse_args(self, ctx: Any, args: List[str]) -> List[str]:
        order = self.make_parser(ctx).parse_args(args=list(args))[2]
        ctx.obj = [option.name for option in order if option.name in ("foreground", "background")]
        return super().parse_args(ctx, args)


def segment(
    ctx: typer.Context,
    volume: Annotated[Path, typer.Argument(help="NIfTI, NRRD or MHA file, or a folder of DICOM files.")],
    output: Annotated[Path, typer.Option(help="Labelmap to write (0/1): .nii.gz, .nii, .nrrd or .mha.")],
    foreground: Annotated[Optional[List[str]], typer.Option(metavar="R,A,S", help="Click inside; repeatable.")] = None,
    background: Annotated[Optional[List[str]], typer.Option(metavar="R,A,S", help="Click outside; repeatable.")] = None,
    space: Annotated[Space, typer.Option(help="What the three numbers of a click are.")] = Space.ras,
    picture: Annotated[Optional[Path], typer.Option(help="Picture to draw: .png, .svg or .pdf.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    weights: Annotated[Optional[Path], typer.Option(help="Checkpoint to use instead of the bundled one.")] = None,
    delta: Annotated[Optional[Path], typer.Option(help="File of `finetune`, on top of the weights.")] = None,
) -> None:
    """Segment one structure of VOLUME from clicks, which count in the order in which they are given."""
    from ..picture import check_picture_path, draw_planes
    from ..session import InteractiveSession
    from ..volume_files import check_mask_path, read_volume, write_mask

    clicks = _clicks(ctx.obj, foreground or [], background or [])
    check_mask_path(output)
    if picture is not None:
        check_picture_path(picture)
    source = read_volume(volume)
    positions = convert_points([parse_point(click.text) for click in clicks], space, source.geometry)
    check_inside(positions, [click.text for click in clicks], space, source.voxels.shape)

    screen = Console(highlight=False, soft_wrap=True)
    if source.note:
        screen.print(source.note)
    session = InteractiveSession.local(device=device, weights=weights, delta=delta)
    seconds = _embed(session, source)
    screen.print(f"Embedded {' x '.join(map(str, source.voxels.shape[::-1]))} voxels (i, j, k) in {seconds:.2f} s.")
    updates = [session.add_point(tuple(p), positive=click.positive) for p, click in zip(positions, clicks)]
    voxel_ml = abs(np.linalg.det(source.geometry.ijk_to_ras[:3, :3])) / 1000
    millilitres = [float(np.count_nonzero(update.box_mask) * voxel_ml) for update in updates]
    screen.print(_table(clicks, updates, millilitres, space))
    mask = updates[-1].mask
    write_mask(mask, source, output)
    screen.print(f"Segment: {output}")
    if picture is not None:
        caption = f"{_summary(clicks)}, {millilitres[-1]:.1f} ml, predicted IoU {updates[-1].iou:.2f}"
        inside, outside = ([p for p, c in zip(positions, clicks) if c.positive is sign] for sign in (True, False))
        draw_planes(source.voxels, source.geometry, mask, inside, outside, picture, volume.name, caption)
        screen.print(f"Picture: {picture}")


def _clicks(order: Sequence[str], foreground: Sequence[str], background: Sequence[str]) -> List[_Click]:
    if not foreground:
        raise InvalidPromptError("There is no click inside the structure; give at least one --foreground R,A,S.")
    texts = {"foreground": iter(foreground), "background": iter(background)}
    return [_Click(next(texts[name]), name == "foreground") for name in order]


def _embed(session: InteractiveSession, source: VolumeFile) -> float:
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("Embedding", total=1.0)

        def show(fraction: float, message: str) -> None:
            progress.update(task, completed=fraction, description=message or "Embedding")

        return session.set_volume(source.voxels, geometry=source.geometry, progress=show)


def _table(clicks: Sequence[_Click], updates: Sequence, millilitres: Sequence[float], space: Space) -> Table:
    table = Table("Click", "Kind", f"Position ({space.value})", "Seconds", "Predicted IoU", "Millilitres")
    for number, (click, update, volume) in enumerate(zip(clicks, updates, millilitres), start=1):
        kind = "[green]foreground[/]" if click.positive else "[red]background[/]"
        table.add_row(str(number), kind, click.text, f"{update.seconds:.3f}", f"{update.iou:.2f}", f"{volume:.1f}")
    return table


def _summary(clicks: Sequence[_Click]) -> str:
    inside = sum(click.positive for click in clicks)
    return f"Clicks: {inside} foreground, {len(clicks) - inside} background"
