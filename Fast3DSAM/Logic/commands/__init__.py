"""The command line `fast3dsam`, one command a file. Heavy packages are imported when a command runs."""

from __future__ import annotations

import typer

from .app import app as browser_app
from .average import average
from .benchmark import benchmark
from .doctor import doctor
from .edge import OneLineErrors
from .evaluate import evaluate
from .finetune import finetune
from .import_released import import_released
from .import_sam import import_sam
from .profile import profile
from .samples import samples
from .segment import ClicksInOrder, segment
from .train import train

app = typer.Typer(
    name="fast3dsam",
    cls=OneLineErrors,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Segment any structure of a CT or MR volume in 3D with a few clicks.",
)
app.command(cls=ClicksInOrder)(segment)
app.command(name="app")(browser_app)
app.command()(doctor)
app.command()(evaluate)
app.command()(import_sam)
app.command()(import_released)
app.command()(benchmark)
app.command()(profile)
app.command()(train)
app.command()(average)
app.command()(samples)
app.command()(finetune)


def main() -> None:
    """Entry point of the console script."""
    app(prog_name="fast3dsam")
