"""Slicer as far as the panel needs it: a scene, one real slice view, the module loaded as Slicer loads it."""

from __future__ import annotations

import sys
import time
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import SimpleNamespace
from typing import Callable, List

import numpy as np
import qt
import slicer

from Fast3DSAM.Logic.session import InteractiveSession
from Fast3DSAM.Widgets.shared import close_bench, shared_bench
from Testing.logic.intensity_predictor import IntensityPredictor
from Testing.mrml.scene_helpers import add_volume, segment_mask
from Testing.mrml.slice_view import SliceView

MODULE_FILE = Path(__file__).parents[2] / "Fast3DSAM" / "Fast3DSAM.py"
PATIENCE = 60.0  # seconds
TWO_BALLS = ((14, 14, 14), (14, 14, 34))


def balls(shape=(28, 28, 48), centres=TWO_BALLS, radius: float = 7.0) -> np.ndarray:
    """(k, j, i) int16: 100 in each ball, 0 around."""
    place = np.stack(np.indices(shape), axis=-1)
    inside = np.any([((place - c) ** 2).sum(-1) < radius**2 for c in centres], axis=0)
    return (100 * inside).astype(np.int16)


def load_module():
    """Fast3DSAM.py as Slicer enters it: under its own name, before it runs."""
    spec = spec_from_file_location("Fast3DSAM", MODULE_FILE)
    module = module_from_spec(spec)
    before = sys.modules.get("Fast3DSAM")
    sys.modules["Fast3DSAM"] = module
    try:
        spec.loader.exec_module(module)
    finally:
        if before is not None:
            sys.modules["Fast3DSAM"] = before
    return module


class Application:
    """`predictor` stands behind the sessions; `start_up` holds what Slicer calls when it is up."""

    def __init__(self, slicer_scene, predictor=None, make: Callable = None) -> None:
        slicer_scene.publish()
        self.scene, self._slicer_scene = slicer_scene.scene, slicer_scene
        self.predictor = predictor or IntensityPredictor(tolerance=30)
        self.view, self.start_up = None, []
        self._render_timer = qt.QTimer()  # as in Slicer's views: drawn once, when the event loop comes to it
        self._render_timer.setSingleShot(True)
        self._render_timer.timeout.connect(lambda: self.view.window.Render())
        slicer.app.layoutManager = lambda: self
        slicer.app.startupCompleted = SimpleNamespace(connect=self.start_up.append)
        slicer.app.processEvents = qt.application.processEvents
        slicer.app.applicationName = "Slicer"
        slicer.app.topLevelWidgets = lambda: []
        close_bench()
        self.bench = shared_bench(make or (lambda settings: InteractiveSession(self.predictor)))
        self.module = load_module()
        self.window = qt.QWidget()
        self.window.setLayout(qt.QVBoxLayout())
        self.window.layout().setContentsMargins(0, 0, 0, 0)
        self.widget = self.module.Fast3DSAMWidget(self.window)
        self.widget.setup()
        self.widget.enter()
        self.panel, self.ui = self.widget.panel, self.widget.panel.ui

    # --- what `slicer.app.layoutManager()` is asked

    def sliceViewNames(self) -> List[str]:
        return ["Red"] if self.view else []

    def sliceWidget(self, name: str):
        view = self.view
        shown = SimpleNamespace(renderWindow=lambda: view.window, scheduleRender=self.draw_soon)
        return SimpleNamespace(sliceLogic=lambda: view.logic, sliceView=lambda: shown)

    def draw_soon(self) -> None:
        """As `scheduleRender` of Slicer's views."""
        self._render_timer.start(0)

    # --- what a user does

    def add_volume(self, voxels=None, name: str = "CT", size: int = 400, **options):
        """Load a volume and show it."""
        node = add_volume(self.scene, voxels=balls() if voxels is None else voxels, name=name, **options)
        if self.view is None:
            self.view = SliceView(self._slicer_scene, node, size)
            self.panel.preview.start()
        return node

    def choose(self, node) -> None:
        """Choose a volume in the panel and wait until it is ready."""
        self.ui.volumeSelector.setCurrentNode(node)
        self.wait(lambda: self.bench.is_ready)

    def click(self, *kji, shift: bool = False) -> None:
        """Click in the slice view on a voxel."""
        self.view.click(*self.pixel(*kji), shift=shift)

    def pixel(self, *kji):
        ras = self.bench.work.to_ras(kji)
        self.view.show(ras)
        return self.view.pixel(ras)

    def press(self, button) -> None:
        """As with the mouse: nothing happens where the button is off."""
        button.click()

    def key(self, name: str) -> None:
        """Press a key of the panel."""
        wanted = qt.QKeySequence(name)
        for shortcut in self.panel._keys:
            if shortcut.key == wanted:
                shortcut.activated.emit()
                return
        raise KeyError(name)

    def settle(self) -> None:
        """Let all that is under way come to its end."""
        self.wait(lambda: not self.bench.worker.is_busy)

    def wait(self, until: Callable[[], bool], patience: float = PATIENCE) -> None:
        end = time.monotonic() + patience
        while not until():
            assert time.monotonic() < end, f"nothing came: {self.bench.status} {self.bench.error}"
            self.turn()
            time.sleep(0.001)

    def turn(self) -> None:
        """One turn of Qt's event loop.

        `processEvents` alone deletes nothing that is to be deleted later, as no loop runs beneath it: each time a table
        of segments was filled, the widgets of its cells stayed for good.
        """
        qt.application.processEvents()
        qt.QCoreApplication.sendPostedEvents(None, qt.QEvent.DeferredDelete.value)

    def mask(self, segment_id=None) -> np.ndarray:
        """A segment's voxels (k, j, i)."""
        work = self.bench.work
        return segment_mask(work.segmentation_node, segment_id or work.active_segment_id, work.session.shape)

    def close(self) -> None:
        """As when Slicer closes."""
        self.widget.exit()
        self.widget.cleanup()
        self._render_timer.stop()
        if self.view is not None:
            self.view.close()
        self.window.deleteLater()
        self.turn()
