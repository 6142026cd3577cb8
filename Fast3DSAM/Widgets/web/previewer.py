"""The segment that a click would give follows the mouse."""

from __future__ import annotations

from typing import Callable, Optional, Sequence, Tuple

from ...Logic.deferred import MaskPending
from ...Logic.errors import Fast3DSAMError
from ...Logic.mrml.scene_session import SceneSession
from ...Logic.mrml.volumes import world_geometry
from .overlay import PreviewOutline
from .worker import TabWorker


class Previewer:
    """Asks for one position at a time; `work()` is the session at work or None."""

    def __init__(self, worker: TabWorker, work: Callable[[], Optional[SceneSession]], views: Callable[[], Sequence]):
        self._worker = worker
        self._work = work
        self._views = views
        self._wanted: Optional[Tuple[Tuple[float, float, float], bool]] = None
        self.outline = PreviewOutline()

    def hover(self, ras: Optional[Tuple[float, float, float]], positive: bool) -> None:
        """The mouse is here now; None: nowhere where a click would count."""
        self._wanted = None if ras is None else (ras, positive)
        if ras is None:
            self.stop()
        else:
            self._show()

    def stop(self) -> None:
        """Show nothing until the mouse moves again."""
        self._wanted = None
        self._worker.drop_preview()
        self.outline.hide()

    def _show(self) -> None:
        work = self._work()
        if work is None or not work.is_attached or work.is_waiting or self._wanted is None:
            return
        ras, positive = self._wanted
        try:
            update = work.preview_ras(ras, positive)
        except MaskPending as pending:
            prompts = pending.prompts
            self._worker.preview(lambda: work.session.prepare(prompts), self._computed)
        except Fast3DSAMError:  # beside the volume: a click there is refused with a sentence, hovering is not
            self.outline.hide()
        else:
            self.outline.show(self._views(), update, world_geometry(work.volume_node), positive)

    def _computed(self, error: Optional[Exception]) -> None:
        if error is None:
            self._show()
