"""The way of a volume through a tab: read, shown, prepared, ready for clicks, left for the next one."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Callable

from ...Logic.errors import SceneError
from ...Logic.mrml.scene_session import SceneSession
from .bench import Bench
from .clicks import Clicks
from .engine import Engine
from .opening import Opening
from .pause import LoopPause
from .segment_list import SegmentList
from .view_choices import ViewChoices
from .volume_nodes import suitable_preset
from .worker import TabWorker

_FILL = 0.35  # opacity of segments over the slices


class VolumeWay:
    """Moves `state.stage` from empty over reading and preparing to ready or failed."""

    def __init__(self, bench: Bench, engine: Engine, worker: TabWorker, clicks: Clicks, choices: ViewChoices) -> None:
        self._bench, self._clicks, self._choices = bench, clicks, choices
        self._opening = Opening(bench.views.scene, engine, worker)
        self._opening.on_progress, self._opening.on_failed = self._progress, self._failed
        self._opening.on_volume, self._opening.on_ready = self._show, self._ready

    def open(self, path: Path, name: str = "", finished: Callable[[], None] = lambda: None) -> None:
        """Open a volume file or a DICOM folder in place of the present volume."""
        with self._bench.telling():
            self._opening.open(path, name, finished)

    def cancel(self) -> None:
        """Stop what is under way; what was there before stays."""
        self._opening.stop()
        attached = self._bench.is_attached
        self._bench.state.stage = "ready" if attached else "failed"
        self._bench.state.progress_text = "" if attached else "Cancelled; press Prepare to go on."

    def prepare(self) -> None:
        """Embed the volume that is shown, after a cancel or an error."""
        if self._bench.volume is None:
            raise SceneError("There is no volume yet; open one.")
        self._opening.prepare(self._bench.volume)

    def close(self) -> None:
        """Stop what is under way."""
        self._opening.stop()

    def _show(self, node, file) -> None:
        bench = self._bench
        with bench.telling():
            self._leave(but=node)
            bench.volume = node
            size = " x ".join(map(str, file.voxels.shape[::-1]))
            spacing = " x ".join(f"{v:.3g}" for v in file.grid.spacing)
            bench.state.volume_name, bench.state.volume_facts = node.GetName(), f"{size} voxels of {spacing} mm"
            self._choices.set_preset(node, suitable_preset(file.voxels))
            bench.state.notice = file.note
            bench.views.show_volume(node)

    def _leave(self, but: object) -> None:
        bench = self._bench
        bench.state.quality, bench.state.latency_ms, bench.state.surface_on = -1.0, 0, False
        segmentation = bench.work.segmentation_node if bench.work is not None else None
        if bench.work is not None:
            bench.work.detach()
        self._clicks.previewer.stop()
        for node in (segmentation, bench.volume):
            if node is not None and node is not but:
                bench.views.scene.RemoveNode(node)

    def _progress(self, stage: str, share: float, text: str) -> None:
        with self._bench.state as state:
            state.update({"stage": stage, "progress": round(100 * share), "progress_text": text})

    def _ready(self, session, volume, prepared) -> None:
        bench = self._bench
        with bench.telling():
            if bench.work is None:
                bench.work = SceneSession(
                    bench.views.scene,
                    session,
                    on_update=self._clicks.updated,
                    on_error=bench.complain,
                    worker=self._clicks,
                    later=LoopPause(asyncio.get_running_loop()),
                )
                bench.segments = SegmentList(bench.work)
            session.use_volume(prepared)
            bench.segments.millilitres.clear()
            bench.work.attach(volume)
            bench.work.segmentation_node.GetDisplayNode().SetOpacity2DFill(_FILL)
            bench.state.stage, bench.state.progress = "ready", 100
            bench.state.progress_text = f"Embedded in {prepared.seconds:.1f} s"
            bench.state.device_name = session.predictor.device_name

    def _failed(self, text: str) -> None:
        with self._bench.telling():
            stage = "ready" if self._bench.is_attached else "failed"
            self._bench.state.update({"stage": stage, "progress_text": "", "error": text})
