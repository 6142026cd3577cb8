"""What one tab can do. It acts on the scene and tells the page through `state`; it draws no page itself."""

from __future__ import annotations

import time
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Callable, Dict, List, Optional, Tuple

import numpy as np

from ...Logic.deferred import MaskPending
from ...Logic.errors import Fast3DSAMError, SceneError
from ...Logic.mrml.export import export_file
from ...Logic.mrml.scene_session import SceneSession
from .box_tool import BoxTool
from .engine import Engine
from .opening import Opening
from .previewer import Previewer
from .segment_list import SegmentList
from .slice_mouse import MouseListeners, SliceMouse
from .state import TOOLS
from .view_choices import ViewChoices
from .views import Views
from .volume_nodes import suitable_preset
from .worker import TabWorker

_NO_VOLUME = "There is no prepared volume yet; open one and wait until it is ready."
Ras = Tuple[float, float, float]


class Workspace:
    """One scene, one session, one user. All methods belong to the event loop's thread."""

    def __init__(self, state, views: Views, engine: Engine, worker: TabWorker) -> None:
        self.state, self.views, self._worker = state, views, worker
        self.choices = ViewChoices(state, views)
        self.work: Optional[SceneSession] = None
        self.segments: Optional[SegmentList] = None
        self._volume: Any = None
        self._stamps: Dict[str, float] = {}
        self._box = BoxTool(views.scene, self._box_given)
        self._previewer = Previewer(worker, lambda: self.work, lambda: views.slices)
        self._opening = Opening(views.scene, engine, worker)
        self._opening.on_progress, self._opening.on_failed = self._progress, self._failed
        self._opening.on_volume, self._opening.on_ready = self._show_volume, self._ready
        listeners = MouseListeners(self._clicked, self._hovered, self._dragged)
        self._mice = [SliceMouse(view, lambda: state.tool, self._point_places, listeners) for view in views.slices]
        self._actions = self._make_actions()

    # --- volumes

    def open(self, path: Path, name: str = "", finished: Callable[[], None] = lambda: None) -> None:
        """Open a volume file or a DICOM folder in place of the present volume."""
        with self.telling():
            self._opening.open(path, name, finished)

    def export(self, suffix: str, segment_ids: Optional[list] = None) -> Tuple[str, bytes]:
        """Name and content of the file with all segments. Raises `SceneError`, `VolumeFileError`."""
        work = self._attached()
        with TemporaryDirectory() as folder:
            name = f"{work.volume_node.GetName()} segmentation{suffix}"
            path = export_file(
                Path(folder) / f"segments{suffix}", work.volume_node, work.segmentation_node, segment_ids
            )
            return name, path.read_bytes()

    def close(self) -> None:
        """Stop threads and observers."""
        self._opening.stop()
        self._worker.close()
        for mouse in self._mice:
            mouse.close()
        if self.work is not None:
            self.work.close()
        self.work = self.segments = self._volume = None

    # --- what the page asks for

    def act(self, name: str, *values: Any) -> None:
        """Do what a button, a key or a row of the list asks for; an error of the user's becomes the error line."""
        with self.telling():
            self.state.error = ""
            action = self._actions.get(name)
            if action is None:
                raise SceneError(f"{name!r} is nothing that can be done here.")
            action(*values)

    @contextmanager
    def telling(self):
        """Errors become a sentence on the page; afterwards the page shows what is true now."""
        with self.state:
            try:
                yield
            except Fast3DSAMError as error:
                self.state.error = str(error)
            finally:
                self._refresh()

    def _make_actions(self) -> Dict[str, Callable[..., None]]:
        return {
            "tool": self._set_tool,
            "undo": lambda: self._prompt(lambda work: work.undo()),
            "redo": lambda: self._prompt(lambda work: work.redo()),
            "reset": lambda: self._prompt(lambda work: work.clear()),
            "next_segment": lambda: self._prompt(lambda work: work.next_segment()),
            "activate": lambda id: self._prompt(lambda work: setattr(work, "active_segment_id", id)),
            "remove_point": lambda id: self._prompt(lambda work: work.remove_point(int(id))),
            "flip_point": lambda id: self._prompt(lambda work: work.flip_point(int(id))),
            "remove_last_point": self._remove_last_point,
            "rename": lambda id, name: self._list().rename(id, name),
            "recolour": lambda id, colour: self._list().recolour(id, colour),
            "show_segment": lambda id, on: self._list().show(id, on),
            "lock": lambda id, on: self._attached().set_locked(id, bool(on)),
            "remove_segment": lambda id: self._list().remove(id),
            "suggest": self._suggest,
            "place_here": self._place_here,
            "fit": self.views.fit,
            "surface": self._set_surface,
            "preview": self._set_preview,
            "preset": lambda name: self.choices.set_preset(self._volume, name),
            "layout": self.choices.set_layout,
            "crosshair": self.choices.set_crosshair,
            "theme": self.choices.set_theme,
            "cancel": self._cancel,
            "prepare": self._prepare,
            "go_to": lambda ras: self.views.jump([float(v) for v in ras]),
        }

    def _set_tool(self, tool: str) -> None:
        if tool in TOOLS:
            self.state.tool = tool
            self.views.adjust_window(tool == "window")
            self._previewer.stop()

    def _set_preview(self, on: bool) -> None:
        self.state.preview_on = bool(on)
        self._previewer.stop()

    def _set_surface(self, on: bool) -> None:
        node = self._attached().segmentation_node
        if on:
            node.CreateClosedSurfaceRepresentation()
        else:
            node.RemoveClosedSurfaceRepresentation()
        node.GetDisplayNode().SetVisibility3D(bool(on))
        self.state.surface_on = bool(on)
        if on:
            self.views.three_d.reset_view()

    def _suggest(self) -> None:
        place = self._attached().suggest_next_ras()
        if place is None:
            raise SceneError("There is nothing in doubt yet; click into a structure first.")
        self.choices.set_crosshair(True)
        self.views.jump(place)
        self.state.notice = "The cross-hair is where the model is least sure; press Enter to click there."

    def _place_here(self) -> None:
        positive = self.state.tool != "background"
        place = self.views.crosshair.GetCrosshairRAS()
        self._prompt(lambda work: work.place(tuple(place), positive))

    def _remove_last_point(self) -> None:
        points = self._attached().points()
        if points:
            self._prompt(lambda work: work.remove_point(points[-1].id))

    # --- the mouse

    def _clicked(self, ras: Ras, positive: bool) -> None:
        self._previewer.stop()
        with self.telling():
            self.state.error = self.state.notice = ""
            self._prompt(lambda work: work.place(ras, positive))
            view = next((m.view for m in self._mice if m.ras() == ras), None)
            if self.state.follow_click:
                self.views.jump(ras, but=view)

    def _hovered(self, ras: Optional[Ras]) -> None:
        wanted = self.state.preview_on and self.state.stage == "ready"
        self._previewer.hover(ras if wanted else None, self.state.tool == "foreground")

    def _dragged(self, start: Ras, end: Ras, normal: np.ndarray, finished: bool) -> None:
        if self.state.stage == "ready":
            self._box.drag(start, end, normal, finished)

    def _box_given(self, corners: List[Ras]) -> None:
        with self.telling():
            self._set_tool("foreground")  # one object, one box: what follows are corrections
            self._prompt(lambda work: work.add_box_ras(corners))

    def _point_places(self) -> List[Ras]:
        return [point.position for point in self.work.points()] if self.work is not None else []

    # --- masks, computed in the thread

    def run(self, job: Callable[[], object], done: Callable[[Optional[Exception]], None]) -> Callable[[], None]:
        """`Background` for the session."""
        stamps = self._stamps

        def timed() -> None:
            stamps["begun"] = time.time()
            job()
            stamps["decoded"] = time.time()

        def finished(error: Optional[Exception]) -> None:
            with self.telling():
                done(error)

        return self._worker.run(timed, finished)

    def _prompt(self, ask: Callable[[SceneSession], object]) -> None:
        work = self._attached()
        self._stamps = {"asked": time.time()}
        try:
            ask(work)
        except MaskPending as pending:  # only where a segment was changed by hand: ask again when the mask is known
            prompts = pending.prompts
            self.run(lambda: work.session.prepare(prompts), lambda error: self._again(error, ask))

    def _again(self, error: Optional[Exception], ask: Callable[[SceneSession], object]) -> None:
        if error is not None:
            raise error
        ask(self._attached())

    def _updated(self, update) -> None:
        now = time.time()
        self._stamps["written"] = now
        state, voxel_ml = self.state, abs(np.linalg.det(self.work.session.geometry.ijk_to_ras[:3, :3])) / 1000
        self.segments.millilitres[self.work.active_segment_id] = float(np.count_nonzero(update.box_mask)) * voxel_ml
        state.latency_ms = round(1000 * (now - self._stamps.get("asked", now)))
        state.quality = round(float(update.iou), 2)
        state.timing = dict(self._stamps)

    def _complain(self, message: str) -> None:
        with self.state:
            self.state.error = message

    # --- the way of a volume

    def _show_volume(self, node, file) -> None:
        with self.telling():
            self._leave_volume(but=node)
            self._volume = node
            size = " x ".join(map(str, file.voxels.shape[::-1]))
            spacing = " x ".join(f"{v:.3g}" for v in file.grid.spacing)
            self.state.volume_name, self.state.volume_facts = node.GetName(), f"{size} voxels of {spacing} mm"
            self.choices.set_preset(node, suitable_preset(file.voxels))
            self.state.notice = file.note
            self.views.show_volume(node)

    def _leave_volume(self, but: object) -> None:
        self.state.quality, self.state.latency_ms, self.state.surface_on = -1.0, 0, False
        segmentation = self.work.segmentation_node if self.work is not None else None
        if self.work is not None:
            self.work.detach()
        self._previewer.stop()
        for node in (segmentation, self._volume):
            if node is not None and node is not but:
                self.views.scene.RemoveNode(node)

    def _progress(self, stage: str, share: float, text: str) -> None:
        with self.state:
            self.state.update({"stage": stage, "progress": round(100 * share), "progress_text": text})

    def _ready(self, session, volume, prepared) -> None:
        with self.telling():
            if self.work is None:
                self.work = SceneSession(
                    self.views.scene, session, on_update=self._updated, on_error=self._complain, worker=self
                )
                self.segments = SegmentList(self.work)
            session.use_volume(prepared)
            self.segments.millilitres.clear()
            self.work.attach(volume)
            display = self.work.segmentation_node.GetDisplayNode()
            display.SetOpacity2DFill(0.35)
            self.state.stage, self.state.progress = "ready", 100
            self.state.progress_text = f"Embedded in {prepared.seconds:.1f} s"
            self.state.device_name = session.predictor.device_name

    def _failed(self, text: str) -> None:
        with self.telling():
            attached = self.work is not None and self.work.is_attached
            self.state.update({"stage": "ready" if attached else "failed", "progress_text": "", "error": text})

    def _cancel(self) -> None:
        self._opening.stop()
        attached = self.work is not None and self.work.is_attached
        self.state.stage = "ready" if attached else "failed"
        self.state.progress_text = "" if attached else "Cancelled; press Prepare to go on."

    def _prepare(self) -> None:
        if self._volume is None:
            raise SceneError("There is no volume yet; open one.")
        self._opening.prepare(self._volume)

    # --- inside

    def _attached(self) -> SceneSession:
        if self.work is None or not self.work.is_attached:
            raise SceneError(_NO_VOLUME)
        return self.work

    def _list(self) -> SegmentList:
        self._attached()
        return self.segments

    def _refresh(self) -> None:
        work, state = self.work, self.state
        attached = work is not None and work.is_attached
        history = work.session.history if attached else None
        state.segments = self.segments.rows() if attached else []
        state.active_segment = (work.active_segment_id or "") if attached else ""
        state.points = [_point_row(n, point) for n, point in enumerate(work.points() if attached else [], 1)]
        state.can_undo, state.can_redo = bool(history and history.can_undo), bool(history and history.can_redo)
        state.is_working = attached and work.is_waiting
        state.has_box = attached and self._box.show(work)


def _point_row(number: int, point) -> Dict[str, Any]:
    place = [round(v, 1) for v in point.position]
    return {
        "id": point.id,
        "number": number,
        "positive": point.positive,
        "ras": place,
        "exact": list(map(float, point.position)),
    }
