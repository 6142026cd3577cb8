"""The outline that a click would give follows the cursor in the slice views, before the click."""

from __future__ import annotations

from typing import Callable, Dict, Optional, Tuple

import vtk

from ..Logic.deferred import MaskPending
from ..Logic.errors import Fast3DSAMError
from ..Logic.mrml.observers import Observers
from ..Logic.mrml.outline import slice_outline
from ..Logic.mrml.volumes import world_geometry
from .parameters import POINT
from .views import OutlineActor, crosshair_node, cursor_position, shift_is_down, slice_views
from .workbench import Workbench

COLOURS = {True: (0.35, 1.0, 0.45), False: (1.0, 0.45, 0.4)}
_WIDTH = 1.5
Ras = Tuple[float, float, float]


class LivePreview:
    """One question at a time: while it is worked on, only the newest position of the cursor is remembered.

    While the preview is switched off, the tiles under the cursor are embedded ahead, in idle time.
    `is_placing()` tells whether a click would place a point now.
    """

    def __init__(self, bench: Workbench, is_placing: Callable[[], bool]) -> None:
        self._bench = bench
        self._is_placing = is_placing
        self._actors: Dict[str, OutlineActor] = {}
        self._asked: Optional[Tuple[Ras, bool]] = None
        self._forget: Callable[[], None] = lambda: None
        self._observers = Observers()
        self._seen = self._state()
        self.shown: Optional[Ras] = None

    def start(self) -> None:
        """Follow the cursor from now on."""
        node = crosshair_node(self._bench.scene)
        if node is not None:
            self._observers.clear()
            self._observers.add(node, node.CursorPositionModifiedEvent, self.look)

    def stop(self) -> None:
        """Follow no more, and take the outline away."""
        self._observers.clear()
        self._forget()
        self._asked = None
        self.hide()
        for actor in self._actors.values():
            actor.remove()
        self._actors.clear()

    def hide(self) -> None:
        """Nothing is shown until the cursor moves again."""
        if self.shown is not None:
            self.shown = None
            self._draw(None, True)

    def refresh(self) -> None:
        """Take the outline away where what it was made for is gone or has changed: a listener of the workbench."""
        now = self._state()
        if now != self._seen:
            self._seen = now
            self.hide()

    def look(self) -> None:
        """Show what a click under the cursor would give, now or as soon as it is known."""
        bench = self._bench
        may_click = bench.parameters.tool == POINT and self._is_placing() and bench.is_ready
        ras = cursor_position(bench.scene) if may_click else None
        if ras is None:
            self.hide()
        elif not bench.parameters.live_preview:
            self.hide()
            bench.worker.ahead(bench.work.embed_ahead_at(ras))
        elif self._asked is None and not bench.is_working:
            self._ask(ras, bench.parameters.positive is not shift_is_down(bench.scene))

    def _state(self) -> tuple:
        """What an outline depends on besides the cursor."""
        bench = self._bench
        return bench.is_ready, bench.answer, bench.work.active_segment_id if bench.is_ready else None

    def _ask(self, ras: Ras, positive: bool) -> None:
        try:
            update = self._bench.work.preview_ras(ras, positive)
        except MaskPending as pending:
            prepare, prompts = self._bench.session.prepare, pending.prompts
            self._asked = (ras, positive)
            self._forget = self._bench.worker.submit("preview", lambda: prepare(prompts), self._answered)
        except Fast3DSAMError:  # beside the volume: a click there is refused with a message, the cursor is not
            self.hide()
        else:
            self.shown = ras
            self._draw(update, positive)

    def _answered(self, error: Optional[Exception]) -> None:
        asked, self._asked = self._asked, None
        if error is None and asked is not None and self._bench.is_ready and not self._bench.is_working:
            self._ask(*asked)
        if cursor_position(self._bench.scene) != (asked and asked[0]):
            self.look()

    def _draw(self, update, positive: bool) -> None:
        views = slice_views()
        for id in set(self._actors) - set(views):
            del self._actors[id]
        geometry = world_geometry(self._bench.work.volume_node) if update is not None else None
        for id, view in views.items():
            if id not in self._actors:
                if update is None:
                    continue
                self._actors[id] = OutlineActor(view, COLOURS[True], _WIDTH)
            lines = vtk.vtkPolyData()
            if update is not None:
                lines = slice_outline(update.box, update.box_mask, geometry, view.xy_to_ras(), view.size)
            self._actors[id].show(lines, COLOURS[positive])
