"""`fast3dsam doctor`: what is installed, what it would run on, whether it works."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Annotated, Iterator, Optional, Tuple

import typer
from rich.console import Console
from rich.markup import escape

from ..errors import Fast3DSAMError

PACKAGES = ("fast3dsam", "torch", "numpy", "SimpleITK", "slicer-core", "trame-slicer")
GOOD_DICE = 0.8
GIB = 2**30


class SelfTestError(Fast3DSAMError, RuntimeError):
    """Everything is installed, but the segmentation is not what it should be."""


def doctor(
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    weights: Annotated[Optional[Path], typer.Option(help="Checkpoint to check instead of the bundled one.")] = None,
) -> None:
    """Show versions, device, threads, memory and weights, and segment a synthetic ball."""
    from ..session import InteractiveSession
    from .self_test import run_self_test

    screen = Console(highlight=False, soft_wrap=True)
    for rows in (_versions(), _machine(device), _weights(weights)):
        for name, value in rows:
            screen.print(f"[bold]{name:<14}[/]{escape(value)}")
    result = run_self_test(InteractiveSession.local(device=device, weights=weights))
    screen.print(
        f"[bold]{'Self-test':<14}[/]a ball in noise, one click: Dice {result.dice:.3f}; "
        f"embedding {result.embedding_seconds:.2f} s, click {result.click_seconds:.3f} s"
    )
    if result.dice < GOOD_DICE:
        raise SelfTestError(
            f"The self-test reached a Dice of only {result.dice:.3f}, where at least {GOOD_DICE} is expected; "
            "use the bundled weights, or install Fast3DSAM anew."
        )
    screen.print("[green]All is well.[/]")


def _versions() -> Iterator[Tuple[str, str]]:
    yield "Python", f"{platform.python_version()}, {platform.platform(terse=True)}"
    for package in PACKAGES:
        try:
            yield package, metadata.version(package)
        except metadata.PackageNotFoundError:
            yield package, "not installed"


def _machine(device: str) -> Iterator[Tuple[str, str]]:
    import torch

    from ..devices import choose_device, describe_device

    chosen = choose_device(device)
    usable = {"CUDA": torch.cuda.is_available(), "MPS": torch.backends.mps.is_available()}
    found = " and ".join(name for name, there in usable.items() if there) or "neither CUDA nor MPS"
    yield "Device", f"{describe_device(chosen)} (asked for {device}; found {found})"
    yield "Threads", f"{torch.get_num_threads()} of {os.cpu_count()} processors"
    yield "Memory", _memory()
    if chosen.type == "cuda":
        free, total = torch.cuda.mem_get_info(chosen)
        yield "GPU memory", f"{total / GIB:.1f} GiB, {free / GIB:.1f} GiB free"


def _memory() -> str:
    try:
        page, total = os.sysconf("SC_PAGE_SIZE"), os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf, some systems not these names
        return "not known on this system"
    return f"{page * total / GIB:.1f} GiB"


def _weights(path: Optional[Path]) -> Iterator[Tuple[str, str]]:
    from ..checkpoints import bundled_weights, load_model

    path = path or bundled_weights()
    loaded = load_model(path)
    parameters = sum(p.numel() for p in loaded.model.parameters())
    yield "Weights", f"{path}, {parameters / 1e6:.2f} million parameters"
    yield "SHA-256", loaded.fingerprint
    card = path.with_suffix(".json")
    yield "Card", str(card) if card.is_file() else "none beside the weights"
