"""The session that the panel's settings ask for. Runs in the worker: PyTorch is imported here and nowhere before."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Optional

from ..Logic.session import InteractiveSession


@dataclass(frozen=True)
class EngineSettings:
    """`device` as in `InteractiveSession.local`; `weights` None for the bundled ones; `cache_dir` None for no disk."""

    device: str = "auto"
    weights: Optional[Path] = None
    cache_dir: Optional[Path] = None


MakeSession = Callable[[EngineSettings], InteractiveSession]


def make_session(settings: EngineSettings) -> InteractiveSession:
    """A session on this computer. Raises `CheckpointError`, `DeviceError`, `MissingDependencyError`."""
    return InteractiveSession.local(settings.device, settings.weights, settings.cache_dir)
