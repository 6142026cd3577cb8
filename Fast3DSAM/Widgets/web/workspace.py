"""What one tab can do. It acts on the scene and tells the page through `state`; it draws no page itself."""

from __future__ import annotations

import logging
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Callable, Dict, Optional, Tuple

from ...Logic.errors import SceneError
from ...Logic.mrml.export import export_file
from .bench import Bench
from .clicks import Clicks
from .engine import Engine
from .releases import Releases
from .view_choices import ViewChoices
from .views import Views
from .volume_way import VolumeWay
from .worker import TabWorker

_PATIENCE = 30.0  # seconds for a thread to end: it can be stopped only after the tile or mask it works on
_logger = logging.getLogger(__name__)


class Workspace:
    """One scene, one session, one user. All methods belong to the event loop's thread."""

    def __init__(self, state, views: Views, engine: Engine, worker: TabWorker) -> None:
        self.state, self.views, self._worker = state, views, worker
        self._bench = Bench(state, views)
        self._choices = ViewChoices(state, views)
        self._clicks = Clicks(self._bench, worker)
        self._way = VolumeWay(self._bench, engine, worker, self._clicks, self._choices)
        self._releases = Releases(state, (*views.slices, views.three_d))
        self._actions = self._make_actions()

    def open(self, path: Path, name: str = "", finished: Callable[[], None] = lambda: None) -> None:
        """Open a volume file or a DICOM folder in place of the present volume; `finished()` once the file was read."""
        self._way.open(path, name, finished)

    def export(self, suffix: str, segment_ids: Optional[list] = None) -> Tuple[str, bytes]:
        """Name and content of the file with all segments. Raises `SceneError`, `VolumeFileError`."""
        work = self._bench.attached()
        with TemporaryDirectory() as folder:
            name = f"{work.volume_node.GetName()} segmentation{suffix}"
            path = Path(folder) / f"segments{suffix}"
            export_file(path, work.volume_node, work.segmentation_node, segment_ids)
            return name, path.read_bytes()

    async def close(self) -> None:
        """Stop threads and observers."""
        self._way.close()
        self._worker.close()
        self._clicks.close()
        self._releases.close()
        if self._bench.work is not None:
            self._bench.work.close()
        self._bench.work = self._bench.segments = self._bench.volume = None
        if not await self._worker.ended(_PATIENCE):
            _logger.warning("A tab was closed while its thread still worked.")

    def act(self, name: str, *values: Any) -> None:
        """Do what a button, a key or a row of the list asks for; an error of the user's becomes the error line."""
        with self._bench.telling():
            self.state.error = ""
            action = self._actions.get(name)
            if action is None:
                raise SceneError(f"{name!r} is nothing that can be done here.")
            action(*values)

    def _make_actions(self) -> Dict[str, Callable[..., None]]:
        bench, prompt, choices = self._bench, self._clicks.prompt, self._choices
        return {
            "tool": self._clicks.choose,
            "undo": lambda: prompt(lambda work: work.undo()),
            "redo": lambda: prompt(lambda work: work.redo()),
            "reset": lambda: prompt(lambda work: work.clear()),
            "next_segment": lambda: prompt(lambda work: work.next_segment()),
            "activate": lambda id: prompt(lambda work: setattr(work, "active_segment_id", id)),
            "remove_point": lambda id: prompt(lambda work: work.remove_point(int(id))),
            "flip_point": lambda id: prompt(lambda work: work.flip_point(int(id))),
            "remove_last_point": self._remove_last_point,
            "rename": lambda id, name: bench.listed().rename(id, name),
            "recolour": lambda id, colour: bench.listed().recolour(id, colour),
            "show_segment": lambda id, on: bench.listed().show(id, on),
            "lock": lambda id, on: bench.attached().set_locked(id, bool(on)),
            "remove_segment": lambda id: bench.listed().remove(id),
            "suggest": self._suggest,
            "place_here": self._place_here,
            "surface": self._set_surface,
            "preview": self._set_preview,
            "fit": self.views.fit,
            "draw": self.views.render,
            "nudge": self._nudge,
            "preset": lambda name: choices.set_preset(bench.volume, name),
            "layout": choices.set_layout,
            "crosshair": choices.set_crosshair,
            "theme": choices.set_theme,
            "cancel": self._way.cancel,
            "prepare": self._way.prepare,
            "go_to": lambda ras: self.views.jump([float(v) for v in ras]),
        }

    def _set_preview(self, on: bool) -> None:
        self.state.preview_on = bool(on)
        self._clicks.previewer.stop()

    def _set_surface(self, on: bool) -> None:
        node = self._bench.attached().segmentation_node
        if on:
            node.CreateClosedSurfaceRepresentation()
        else:
            node.RemoveClosedSurfaceRepresentation()
        node.GetDisplayNode().SetVisibility3D(bool(on))
        self.state.surface_on = bool(on)
        if on:
            self.views.fit_3d()

    def _suggest(self) -> None:
        place = self._bench.attached().suggest_next_ras()
        if place is None:
            raise SceneError("There is nothing in doubt yet; click into a structure first.")
        self._choices.set_crosshair(True)
        self.views.jump(place)
        self.state.notice = "The cross-hair is where the model is least sure; press Enter to click there."

    def _place_here(self) -> None:
        positive = self.state.tool != "background"
        place = tuple(self.views.crosshair.GetCrosshairRAS())
        self._clicks.prompt(lambda work: work.place(place, positive))

    def _nudge(self, columns: int, rows: int, slices: int) -> None:
        """Move the cross-hair by voxels of the axial view, so that Enter can click there without a mouse."""
        if self._bench.volume is None:
            raise SceneError("There is no volume yet; open one.")
        self._choices.set_crosshair(True)
        self.views.nudge(self._bench.volume.GetSpacing(), int(columns), int(rows), int(slices))

    def _remove_last_point(self) -> None:
        points = self._bench.attached().points()
        if points:
            self._clicks.prompt(lambda work: work.remove_point(points[-1].id))
