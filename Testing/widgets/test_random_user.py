"""A user who does anything at any time: no error, no changed voxel in a protected segment, nothing left behind.

`FAST3DSAM_RANDOM_SECONDS=600` lets it go on for ten minutes.
"""

import ctypes
import gc
import os
import random
import time
from itertools import product
from pathlib import Path

import pytest
import qt

from Fast3DSAM.Logic.mrml.attachment import Attachment
from Testing.mrml.surfaces import is_true
from Testing.widgets.application import Application, balls

SECONDS = float(os.environ.get("FAST3DSAM_RANDOM_SECONDS", "6"))
SHAPE = (28, 28, 48)
BUTTONS = (
    "undoButton", "redoButton", "clearButton", "flipButton", "deleteButton", "jumpButton", "boxButton",
    "scribbleButton", "lassoButton", "pointButton", "addSegmentButton", "previewCheck", "cancelButton",
    "prepareButton", "removeSegmentButton", "selfCheckButton", "lockSegmentButton", "protectCheck",
    "exportChosenCheck", "suggestButton", "show3dCheck",
)  # fmt: skip


class User:
    """Random actions on an application; `log` says what was done last."""

    def __init__(self, app: Application, seed: int) -> None:
        self.app, self.random, self.log = app, random.Random(seed), []
        self.volumes = 0

    def act(self) -> None:
        """One action; the network may still be at work on earlier ones."""
        if not self.app.bench.is_ready:
            self.choose_volume()
        weights = {
            self.click: 12, self.hover: 6, self.drag: 5, self.key: 8, self.button: 10, self.choose_segment: 4,
            self.export: 1, self.delete_point: 2, self.leave: 1, self.delete_node: 0.6, self.choose_volume: 0.5,
            self.edit_volume: 0.3, self.close_scene: 0.3, self.wait: 5,
        }  # fmt: skip
        action = self.random.choices(list(weights), list(weights.values()))[0]
        self.log.append(action.__name__)
        action()
        self.app.turn()

    def voxel(self):
        return tuple(self.random.uniform(0, n - 1) for n in SHAPE)

    def click(self) -> None:
        if not self.app.panel.placing.is_on:
            self.app.key(self.random.choice("FB"))
        self.app.click(*self.voxel(), shift=self.random.random() < 0.2)

    def hover(self) -> None:
        for _ in range(4):
            self.app.view.move(*self.app.pixel(*self.voxel()))
            self.app.turn()

    def drag(self) -> None:
        self.app.key("Esc")
        points = self.app.bench.work.points()
        if points:
            kji = self.app.bench.work.session.geometry.ras_to_kji(self.random.choice(points).position)
            self.app.view.drag(self.app.pixel(*kji), self.app.pixel(kji[0], *self.voxel()[1:]))

    def key(self) -> None:
        key = self.random.choice(["F", "B", "N", "H", "Ctrl+Z", "Ctrl+Y", "Del", "Esc"])
        self.log[-1] = key
        self.app.key(key)

    def button(self) -> None:
        self.log[-1] = self.random.choice(BUTTONS)
        self.app.press(getattr(self.app.ui, self.log[-1]))

    def choose_segment(self) -> None:
        ids = self.app.bench.work.segment_ids
        if ids:
            self.app.ui.segmentsTable.setSelectedSegmentIDs([self.random.choice(ids)])

    def export(self) -> None:
        self.app.press(self.app.ui.exportNodeButton)
        for kind in ("vtkMRMLLabelMapVolumeNode", "vtkMRMLColorTableNode"):
            node = self.app.scene.GetFirstNodeByClass(kind)
            if node is not None and ("label" in node.GetName() or "colours" in node.GetName()):
                self.app.scene.RemoveNode(node)

    def delete_point(self) -> None:
        node = self.app.bench.work.place_node(self.random.random() < 0.7)
        if node.GetNumberOfControlPoints():
            node.RemoveNthControlPoint(0)

    def leave(self) -> None:
        self.app.widget.exit()
        self.app.turn()
        self.app.widget.enter()

    def delete_node(self) -> None:
        work = self.app.bench.work
        self.app.scene.RemoveNode(
            self.random.choice([work.segmentation_node, work.foreground_node, work.background_node, work.volume_node])
        )

    def choose_volume(self) -> None:
        nodes = self.app.ui.volumeSelector.nodes()
        if len(nodes) < 3:
            self.volumes += 1
            nodes.append(self.app.add_volume(name=f"CT {self.volumes}"))
        node = self.random.choice(nodes)
        self.app.view.logic.GetSliceCompositeNode().SetBackgroundVolumeID(node.GetID())
        self.app.view.logic.FitSliceToBackground()
        self.app.ui.volumeSelector.setCurrentNode(None)
        self.app.choose(node)

    def edit_volume(self) -> None:
        volume = self.app.bench.work.volume_node
        volume.GetImageData().GetPointData().GetScalars().Modified()
        volume.Modified()

    def close_scene(self) -> None:
        self.app.scene.Clear(False)

    def wait(self) -> None:
        self.app.settle()


def others(app):
    """Masks of all locked segments but the active one."""
    return (app.bench.work.segmentation_node if app.bench.is_ready else None), {id: app.mask(id) for id in locked(app)}


def locked(app):
    """The segments that no click may change now."""
    work = app.bench.work
    if not app.bench.is_ready:
        return []
    return [id for id in work.segment_ids if id != work.active_segment_id and work.is_locked(id)]


def surfaces_are_true(work) -> bool:
    """Whether every segment has the surface that it should have now."""
    return all(is_true(work.segmentation_node, id) for id in work.segment_ids)


def embed_everything(app) -> None:
    """All tiles of the volume: 658, 103 MB. They outlive the scene, and a user at random comes to ever more of them."""
    for position in product(*(range(0, n, 2) for n in SHAPE)):
        app.bench.session.embed_ahead(position)


def memory_mb(app) -> float:
    """Resident memory of this process between two scenes; 0 where the system does not tell.

    The scene is closed for it: while it is open, the masks of its clicks are kept, up to a limit per volume. What was
    freed is given back to the system first: how much of it the allocator keeps depends on where in it the last thing in
    use happens to lie, and differs by more than what a leak would be.
    """
    app.scene.Clear(False)
    app.settle()
    app.turn()
    gc.collect()
    status = Path("/proc/self/status")
    if not status.is_file():
        return 0.0
    getattr(ctypes.CDLL(None), "malloc_trim", lambda keep: None)(0)
    return next(int(line.split()[1]) / 1024 for line in status.read_text().splitlines() if line.startswith("VmRSS"))


@pytest.mark.parametrize("seed", [1])
def test_nothing_a_user_does_breaks_anything(app, seed):
    app.add_volume(balls(SHAPE))
    user, end = User(app, seed), time.monotonic() + SECONDS
    steps, half = 0, None
    while time.monotonic() < end:
        app.settle()
        node, before = others(app)
        for _ in range(user.random.randint(1, 3)):
            before = {id: before[id] for id in locked(app) if id in before}
            user.act()
        app.settle()
        if app.bench.is_ready and app.bench.work.segmentation_node is node:
            for id in set(before) & set(locked(app)):
                lost, won = (int(m.sum()) for m in (before[id] & ~app.mask(id), app.mask(id) & ~before[id]))
                assert not lost + won, f"{id}, protected, lost {lost} and won {won} voxels: {user.log[-8:]}"
        assert "Error" not in app.bench.error and "could not be computed" not in app.bench.error, user.log[-8:]
        if steps % 50 == 0 and app.bench.is_ready and app.bench.work.shows_surfaces:
            app.wait(lambda: surfaces_are_true(app.bench.work))
        steps += 1
        if half is None and app.bench.is_ready and time.monotonic() > end - SECONDS / 2:
            embed_everything(app)
            half = memory_mb(app)
    last = memory_mb(app)
    half = last if half is None else half
    print(f"{steps} rounds, {len(user.log)} actions, memory {half:.0f} MB at half time, {last:.0f} MB at the end")
    assert sum(isinstance(o, Attachment) for o in gc.get_objects()) == 0, "closed scenes are still held"
    assert app.scene.GetNumberOfNodesByClass("vtkMRMLMarkupsNode") == 0
    if SECONDS > 100:
        assert last - half < 40, "two samples of a steady process differ by up to 16"


def test_what_a_user_repeats_leaves_no_widget_behind(ready):
    ready.key("F")
    ready.click(14, 14, 14)
    ready.settle()

    def repeat() -> int:
        for _ in range(5):
            ready.press(ready.ui.show3dCheck)
            ready.key("Ctrl+Z")
            ready.key("Ctrl+Y")
            ready.widget.exit()
            ready.widget.enter()
            ready.turn()
        return len(ready.window.findChildren(qt.QObject))

    assert ready.bench.work.segment_ids and repeat() == repeat()
