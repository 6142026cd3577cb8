"""From the mouse button to the drawn segment: `python -m Testing.widgets.measure_click [VOLUME]`. No test: times vary.

The panel, its worker thread and the bundled weights on a real slice view, as Slicer runs them; PythonQt, Slicer's own
window and its limit of 60 frames a second are not in it. VOLUME: any file that Slicer reads as a volume; the chest CT
of slicerio where it is left out. `--shape K J I` measures balls in noise instead. `--surface` shows the segments in a
3D view too: `after-a-pause` as the module does it, `at-once` as Slicer does it by itself.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Callable, Dict, List

import numpy as np
import slicer

from Fast3DSAM.Logic.session import InteractiveSession
from Testing.mrml.solid_view import SolidView
from Testing.slicer_scene import start
from Testing.widgets import conftest  # noqa: F401  the stand-ins for Qt
from Testing.widgets.application import Application

CLICKS = 50
# Voxels (k, j, i) between the clicks for one segment; nearer ones would take hold of a point instead of placing one.
OFFSETS = ((0, 0, 0), (0, 6, 0), (0, -6, 0), (0, 0, 6), (0, 0, -6))
STAGES = ("button to question", "network", "answer to segment", "segment to frame", "whole")


class Stopwatch:
    """When the stages of one click ended; `reset` before the button is pressed."""

    def __init__(self, app: Application) -> None:
        self.app, self.times = app, {}
        submit = app.bench.worker.submit

        def watched(kind: str, work: Callable, done: Callable):
            def timed():
                try:
                    return work()
                finally:
                    self.mark("network", kind)

            self.mark("question", kind)
            return submit(kind, timed, done)

        app.bench.worker.submit = watched
        app.bench.listeners.append(self._heard)
        app.view.window.AddObserver("EndEvent", lambda *_: self._drawn())
        # As Slicer's views do: the managers ask for a new frame, and the event loop draws it.
        app.view._managers.AddObserver("UpdateEvent", lambda *_: app.draw_soon())
        self.reset()

    def reset(self) -> None:
        self.times, self._answer = {}, self.app.bench.answer
        self.times["button"] = time.perf_counter()

    def mark(self, name: str, kind: str = "mask") -> None:
        if kind == "mask":
            self.times[name] = time.perf_counter()

    def _heard(self) -> None:
        if self.app.bench.answer is not self._answer and "segment" not in self.times:
            self.mark("segment")

    def _drawn(self) -> None:
        if "segment" in self.times and "frame" not in self.times:
            self.mark("frame")

    def stages(self) -> Dict[str, float]:
        """Milliseconds; where the preview had the answer, question and network cost nothing."""
        t = self.times
        asked, answered = t.get("question", t["button"]), t.get("network", t["button"])
        ends = (t["button"], asked, answered, t["segment"], t["frame"])
        spent = [1000 * (b - a) for a, b in zip(ends, ends[1:])]
        return dict(zip(STAGES, (*spent, 1000 * (t["frame"] - t["button"]))))


def measure(app: Application, preview: bool, seed: int) -> List[Dict[str, float]]:
    """`CLICKS` clicks at random bright places, one per offset for each segment; with `preview` the cursor rests."""
    from Fast3DSAM.Widgets.pause import PAUSE  # Qt's stand-in is there only now

    work = app.bench.work
    voxels, random = slicer.util.arrayFromVolume(work.volume_node), np.random.default_rng(seed)
    app.bench.parameters.live_preview = preview
    watch, found = Stopwatch(app), []
    for n in range(CLICKS):
        if n % len(OFFSETS) == 0:
            app.bench.attempt(lambda work: work.new_segment())
            centre = _bright(voxels, random)
        place = centre + OFFSETS[n % len(OFFSETS)]
        app.panel.placing.switch(True)
        x, y = app.pixel(*np.clip(place, 1, np.array(voxels.shape) - 2))
        app.view.move(x - 3, y)
        app.view.move(x, y)
        app.settle() if preview else None
        app.view.window.Render()
        watch.reset()
        app.view.interactor.LeftButtonPressEvent()
        app.view.interactor.LeftButtonReleaseEvent()
        app.wait(lambda: "frame" in watch.times)
        found.append(watch.stages())
        app.settle()
        if work.shows_surfaces:  # the next click comes after the pause, and finds a surface that is true
            begun = time.perf_counter()
            app.wait(lambda begun=begun: time.perf_counter() - begun > 1.2 * PAUSE / 1000)
    return found


def _bright(voxels: np.ndarray, random) -> np.ndarray:
    """A voxel (k, j, i) away from the border, brighter than the median of a sample."""
    size = np.array(voxels.shape)
    limit = np.median(voxels[:: max(1, size[0] // 20), ::8, ::8])
    while True:
        place = random.integers(size // 6, size - size // 6)
        if voxels[tuple(place)] > limit:
            return place


def balls_in_noise(shape) -> np.ndarray:
    """(k, j, i) int16 with a ball of 20 voxels in each cube of 64."""
    k, j, i = (np.abs(np.arange(n) % 64 - 32.0) ** 2 for n in shape)
    inside = k[:, None, None] + j[:, None] + i < 400
    return (100 * inside).astype(np.int16) + np.random.default_rng(0).integers(-20, 20, shape, np.int16)


def load(app: Application, options):
    """The volume node to measure on."""
    if options.shape:
        return app.add_volume(balls_in_noise(options.shape), size=512)
    path = options.volume or Path(find_spec("slicerio").origin).parent / "data" / "CTChest4.nrrd"
    storage = slicer.vtkMRMLVolumeArchetypeStorageNode()
    storage.SetFileName(str(path))
    node = slicer.vtkMRMLScalarVolumeNode()
    if not storage.ReadData(node):
        raise SystemExit(f"'{path}' cannot be read as a volume.")
    loaded = app.add_volume(slicer.util.arrayFromVolume(node), size=512)
    loaded.CopyOrientation(node)
    app.view.logic.FitSliceToBackground()
    return loaded


def main() -> None:
    """Print a table per way of clicking."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("volume", nargs="?", type=Path)
    parser.add_argument("--shape", nargs=3, type=int)
    parser.add_argument("--surface", choices=("after-a-pause", "at-once"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        slicer_scene = start(Path(folder))
        app = Application(slicer_scene, make=lambda settings: InteractiveSession.local("cpu"))
        app.ui.volumeSelector.setCurrentNode(load(app, options))
        app.wait(lambda: app.bench.is_ready, patience=600)
        print(f"volume {app.bench.work.session.shape}, {app.bench.status.text}, {CLICKS} clicks")
        solid = show_surfaces(app, slicer_scene, options.surface) if options.surface else None
        for title, preview in (("without preview", False), ("cursor had rested: the preview has the answer", True)):
            measure_and_print(app, title, preview)
        if solid is not None:
            solid.close()
        app.close()


def show_surfaces(app: Application, slicer_scene, when: str) -> SolidView:
    """A 3D view of the segments, drawn with each frame of the slice view."""
    work = app.bench.work
    if when == "at-once":
        work._later = None
        app.bench.write_with()
    work.new_segment()  # surfaces are of segments: without one there is nothing to show
    work.shows_surfaces = True
    solid = SolidView(slicer_scene)
    app.view.window.AddObserver("EndEvent", lambda *_: solid.window.Render())
    return solid


def measure_and_print(app: Application, title: str, preview: bool) -> None:
    rows = measure(app, preview, seed=int(preview))
    print(f"{title}: median / 95th percentile in ms")
    for stage in STAGES:
        values = [row[stage] for row in rows]
        print(f"  {stage:20s} {np.median(values):8.1f} {np.percentile(values, 95):8.1f}")


if __name__ == "__main__":
    main()
