"""Clicks, boxes and everything else that asks for a mask: from the mouse through the thread to the segment."""

from __future__ import annotations

import time
from typing import Callable, List, Optional

import numpy as np

from ...Logic.deferred import MaskPending
from ...Logic.mrml.scene_session import SceneSession
from .bench import Bench, Ras
from .box_tool import BoxTool
from .previewer import Previewer
from .slice_mouse import MouseListeners, SliceMouse
from .state import TOOLS
from .worker import TabWorker

Ask = Callable[[SceneSession], object]


class Clicks:
    """The tools of the mouse, and a `Background` for the session: masks are computed in the tab's thread."""

    def __init__(self, bench: Bench, worker: TabWorker) -> None:
        self._bench, self._worker = bench, worker
        self._stamps = {}
        self._box = bench.box = BoxTool(bench.views.scene, self._box_given)
        self.previewer = Previewer(worker, lambda: bench.work, lambda: bench.views.slices)
        listeners = MouseListeners(self._clicked, self._hovered, self._dragged)
        state = bench.state
        self._mice = [SliceMouse(v, lambda: state.tool, bench.points, listeners) for v in bench.views.slices]

    def close(self) -> None:
        """Watch the mouse no more."""
        for mouse in self._mice:
            mouse.close()

    def choose(self, tool: str) -> None:
        """What the left button does from now on."""
        if tool in TOOLS:
            self._bench.state.tool = tool
            self._bench.views.adjust_window(tool == "window")
            self.previewer.stop()

    def prompt(self, ask: Ask) -> None:
        """Let the session do `ask`; now, or when its mask is there. Raises its errors."""
        work = self._bench.attached()
        self._stamps = {"asked": time.time()}
        try:
            ask(work)
        except MaskPending as pending:  # only where a segment was changed by hand: ask again when the mask is known
            prompts = pending.prompts
            self.run(lambda: work.session.prepare(prompts), lambda error: self._again(error, ask))

    def run(self, job: Callable[[], object], done: Callable[[Optional[Exception]], None]) -> Callable[[], None]:
        """`Background` for the session."""
        if "written" in self._stamps:  # nothing asked through `prompt`: a point was dragged
            self._stamps = {}
        stamps = self._stamps
        stamps.setdefault("asked", time.time())

        def timed() -> None:
            stamps["begun"] = time.time()
            job()
            stamps["decoded"] = time.time()

        def finished(error: Optional[Exception]) -> None:
            with self._bench.telling():
                stamps["returned"] = time.time()
                done(error)

        return self._worker.run(timed, finished)

    def updated(self, update) -> None:
        """The session wrote a mask."""
        now = time.time()
        bench, state = self._bench, self._bench.state
        asked = self._stamps.setdefault("asked", now)
        self._stamps["written"] = now
        voxel_ml = abs(np.linalg.det(bench.work.session.geometry.ijk_to_ras[:3, :3])) / 1000
        bench.segments.millilitres[bench.work.active_segment_id] = float(np.count_nonzero(update.box_mask)) * voxel_ml
        state.latency_ms = round(1000 * (now - asked))
        state.quality = round(float(update.iou), 2)
        bench.timing = dict(self._stamps)

    def _again(self, error: Optional[Exception], ask: Ask) -> None:
        if error is not None:
            raise error
        ask(self._bench.attached())

    # --- the mouse

    def _clicked(self, ras: Ras, positive: bool) -> None:
        bench, state = self._bench, self._bench.state
        self.previewer.stop()
        with bench.telling():
            state.error = state.notice = ""
            self.prompt(lambda work: work.place(ras, positive))
            view = next((mouse.view for mouse in self._mice if mouse.ras() == ras), None)
            if state.follow_click:
                bench.views.jump(ras, but=view)

    def _hovered(self, ras: Optional[Ras]) -> None:
        state = self._bench.state
        wanted = state.preview_on and state.stage == "ready"
        self.previewer.hover(ras if wanted else None, state.tool == "foreground")

    def _dragged(self, start: Ras, end: Ras, normal: np.ndarray, finished: bool) -> None:
        if self._bench.state.stage == "ready":
            self._box.drag(start, end, normal, finished)

    def _box_given(self, corners: List[Ras]) -> None:
        with self._bench.telling():
            self.choose("foreground")  # one object, one box: what follows are corrections
            self.prompt(lambda work: work.add_box_ras(corners))
