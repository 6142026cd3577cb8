"""From a file to a volume that answers clicks: read and embed in a thread, everything of the scene here."""

from __future__ import annotations

import logging
import re
import threading
from pathlib import Path
from typing import Callable, List, Optional, Tuple

from ...Logic.errors import EmbeddingCancelled, Fast3DSAMError, VolumeFileError
from ...Logic.mrml.volumes import VolumeInput, read_volume
from ...Logic.session import InteractiveSession, PreparedVolume
from ...Logic.volume_files import VolumeFile
from ...Logic.volume_files import read_volume as read_file
from .engine import Engine
from .volume_nodes import add_volume
from .worker import TabWorker

_logger = logging.getLogger(__name__)


class Opening:
    """Opens one volume at a time; a new one takes the place of the one under way.

    `on_progress(stage, share, text)`; `on_volume(node, file)` when it can be looked at; `on_ready(session, volume,
    prepared)` when it can be segmented; `on_failed(sentence)`.
    """

    def __init__(self, scene, engine: Engine, worker: TabWorker) -> None:
        self._scene = scene
        self._engine = engine
        self._worker = worker
        self._session: Optional[InteractiveSession] = None
        self._cancel = threading.Event()
        self._forget: Callable[[], None] = lambda: None
        self.on_progress: Callable[[str, float, str], None] = lambda stage, share, text: None
        self.on_volume: Callable[[object, VolumeFile], None] = lambda node, file: None
        self.on_ready: Callable[[InteractiveSession, VolumeInput, PreparedVolume], None] = lambda *all: None
        self.on_failed: Callable[[str], None] = lambda text: None

    def open(self, path: Path, name: str = "", finished: Callable[[], None] = lambda: None) -> None:
        """Start; `finished()` runs when the file is not needed any more."""
        self.stop()
        found: List[VolumeFile] = []
        self.on_progress("reading", 0.0, f"Reading {name or path.name}")

        def done(error: Optional[Exception]) -> None:
            finished()
            if error is not None:
                return self._failed(error, "could not be read", (str(path), name or path.name))
            node = add_volume(self._scene, found[0], name or display_name(path))
            self.on_volume(node, found[0])
            self.prepare(node)

        def work() -> None:
            file = read_file(path)
            if min(file.voxels.shape) < 2:  # else it takes the place of a volume that can be segmented
                raise VolumeFileError(f"'{path}' is one slice; open all slices of a volume, or their folder.")
            found.append(file)

        self._forget = self._worker.volume(work, done)

    def prepare(self, node) -> None:
        """Embed a volume of the scene."""
        self.stop()
        cancel = self._cancel = threading.Event()
        made: list = []
        try:
            volume = read_volume(node)
        except Fast3DSAMError as error:
            return self.on_failed(str(error))

        def report(share: float, text: str) -> None:
            self._worker.post(lambda: None if cancel.is_set() else self.on_progress("preparing", share, text))

        def work() -> None:
            if self._session is None:
                report(0.0, "Loading the network")
                self._session = self._engine.session()
            if cancel.is_set():
                raise EmbeddingCancelled("Cancelled; press Prepare to go on.")
            made.append(self._session.prepare_volume(volume.voxels, None, volume.geometry, report, cancel))

        def done(error: Optional[Exception]) -> None:
            if error is not None:
                return self._failed(error, "could not be prepared")
            self.on_ready(self._session, volume, made[0])

        self.on_progress("preparing", 0.0, "Preparing the volume")
        self._forget = self._worker.volume(work, done)

    def stop(self) -> None:
        """Forget what is under way."""
        self._cancel.set()
        self._forget()

    def _failed(self, error: Exception, what: str, instead: Tuple[str, str] = ("", "")) -> None:
        if isinstance(error, Fast3DSAMError):  # a user in a browser knows the file's name, not where it lies here
            return self.on_failed(str(error).replace(*instead) if instead[0] else str(error))
        _logger.error("The volume %s.", what, exc_info=error)
        self.on_failed(f"The volume {what} ({type(error).__name__}: {error}); try another one.")


def display_name(path: Path) -> str:
    """A file's name without its format."""
    return re.sub(r"\.(nii\.gz|nii|nrrd|mha)$", "", path.name, flags=re.IGNORECASE) or "volume"
