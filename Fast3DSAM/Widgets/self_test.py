"""The self-test that users run inside Slicer: click, undo, export on a volume whose right answer is known."""

from __future__ import annotations

import time
from typing import Callable

import numpy as np
import slicer
import slicer.util

from ..Logic.mrml.export import export_labelmap
from .workbench import Workbench

SIZE, RADIUS = 64, 16.0
_PATIENCE = 300.0  # seconds


def add_ball(scene):
    """(volume node, mask): a bright ball in noise, 64 x 64 x 64 voxels of 1.5 mm; the mask is bool (k, j, i)."""
    k, j, i = np.ogrid[:SIZE, :SIZE, :SIZE]
    centre = (SIZE - 1) / 2
    mask = (k - centre) ** 2 + (j - centre) ** 2 + (i - centre) ** 2 < RADIUS**2
    noise = np.random.default_rng(0).normal(0, 12, mask.shape)
    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Ball in noise")
    slicer.util.updateVolumeFromArray(node, (40 + 0.4 * i + 90 * mask + noise).astype(np.int16))
    node.SetSpacing(1.5, 1.5, 1.5)
    node.CreateDefaultDisplayNodes()
    return node, mask


def run_self_test(bench: Workbench) -> float:
    """Dice overlap (0 to 1) of one click with the true ball. Raises `RuntimeError` where something does not work."""
    volume, truth = add_ball(bench.scene)
    bench.parameters.segmentation = None
    bench.parameters.volume = volume
    bench.prepare()
    _wait(bench, lambda: bench.is_ready)
    work = bench.work
    centre = work.to_ras([(SIZE - 1) / 2] * 3)
    bench.attempt(lambda work: work.place(centre))
    _wait(bench, lambda: len(work.points()) == 1)
    overlap = _dice(_exported(bench), truth)
    bench.attempt(lambda work: work.undo())
    _wait(bench, lambda: not work.points())
    _require(not _exported(bench).any(), "undo left voxels in the segment")
    bench.attempt(lambda work: work.redo())
    _wait(bench, lambda: len(work.points()) == 1)
    _require(_dice(_exported(bench), truth) == overlap, "redo gave another segment than the click")
    return overlap


def _exported(bench: Workbench) -> np.ndarray:
    node = export_labelmap(bench.scene, bench.work.volume_node, bench.work.segmentation_node)
    labels = slicer.util.arrayFromVolume(node) > 0
    bench.scene.RemoveNode(node)
    return labels


def _dice(mask: np.ndarray, truth: np.ndarray) -> float:
    return float(2 * (mask & truth).sum() / max(1, mask.sum() + truth.sum()))


def _wait(bench: Workbench, until: Callable[[], bool]) -> None:
    end = time.monotonic() + _PATIENCE
    while not until():
        _require(not bench.error, bench.error)
        _require(bench.status.stage.value not in ("failed", "no torch"), bench.status.text)
        _require(time.monotonic() < end, f"nothing came within {_PATIENCE:.0f} s; the panel says: {bench.status.text}")
        bench.worker.deliver(0.05)
        slicer.app.processEvents()


def _require(condition: bool, what: str) -> None:
    if not condition:
        raise RuntimeError(f"The self-test of Fast3DSAM failed: {what}")
