"""How long a click's way into the segment takes: `python -m Testing.mrml.measure_write`. Not a test: times vary.

Processor time, so that other work on the machine counts little.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from Fast3DSAM.Logic.geometry import Box
from Fast3DSAM.Logic.mrml.segment_states import fingerprint
from Fast3DSAM.Logic.mrml.segmentations import SegmentationTarget
from Fast3DSAM.Logic.mrml.surface_updater import SURFACE, SurfaceUpdater
from Fast3DSAM.Logic.mrml.volumes import read_volume
from Testing.mrml.scene_helpers import add_volume
from Testing.mrml.solid_view import SolidView
from Testing.mrml.surfaces import HandPause
from Testing.slicer_scene import start

SHAPE, SIDE, REPEATS = (300, 512, 512), 128, 21


def ball(side: int, radius: float) -> np.ndarray:
    """(side, side, side) boolean ball."""
    grid = np.indices((side,) * 3) - (side - 1) / 2
    return (grid**2).sum(axis=0) <= radius**2


def median_ms(action) -> float:
    """Median processor time of `REPEATS` calls; each gets its number, so that every call writes something new."""
    times = []
    for n in range(REPEATS):
        begun = time.process_time()
        action(n)
        times.append(1000 * (time.process_time() - begun))
    return statistics.median(times)


def with_surface(slicer_scene, target, id, box, masks) -> None:
    """Print what a write costs while a 3D view shows the surface."""
    target.write(id, box, masks[0])
    target.node.CreateClosedSurfaceRepresentation()
    target.node.GetDisplayNode().SetPreferredDisplayRepresentationName3D(SURFACE)
    view, pause = SolidView(slicer_scene), HandPause()

    def save_and_write(n, updater):
        target.save_state()
        with updater.waiting(id):
            target.write(id, box, masks[n % 3])

    for title, later, is_over in (
        ("made at once", None, False),
        ("that waits for a pause", pause, False),
        ("and made after a pause", pause, True),
    ):
        updater = SurfaceUpdater(target, later)

        def click(n, updater=updater, is_over=is_over):
            save_and_write(n, updater)
            if is_over:
                pause.over()

        print(f"SaveState + write of {SIDE}^3, surface shown {title}: {median_ms(click):.1f} ms")
    view.close()


def main() -> None:
    """Print one line per situation."""
    with tempfile.TemporaryDirectory() as folder:
        slicer_scene = start(Path(folder))
        scene = slicer_scene.scene
        volume = read_volume(add_volume(scene, voxels=np.zeros(SHAPE, np.int16)))
        masks = [ball(SIDE, 50.0 + n % 3) for n in range(3)]
        whole = np.zeros(SHAPE, bool)

        def target_with(others: int, limit: int = 4_000_000):
            node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
            target = SegmentationTarget(node, volume, shared_layer_limit=limit)
            for n in range(others):
                lo = (10 + 20 * (n % 8), 300 + 10 * (n // 8), 40 * (n % 12))
                target.write(target.add(), Box(lo, tuple(v + 20 for v in lo)), ball(20, 9.0))
            return target, target.add()

        box = Box((80, 150, 150), (80 + SIDE, 150 + SIDE, 150 + SIDE))
        for title, others, limit in (
            ("alone", 0, 4_000_000),
            ("30 other segments, own layers", 30, 0),
            ("30 other segments, one shared layer", 30, 4_000_000),
        ):
            target, id = target_with(others, limit)

            def save_and_write(n, target=target, id=id):
                target.save_state()
                target.write(id, box, masks[n % 3])

            print(f"SaveState + write of {SIDE}^3, {title}: {median_ms(save_and_write):.1f} ms")
        with_surface(slicer_scene, *target_with(0), box, masks)
        print(f"fingerprint of {SIDE}^3: {median_ms(lambda n: fingerprint(box, masks[n % 3])):.1f} ms")
        whole[box.slices] = masks[0]
        full = Box((0, 0, 0), SHAPE)
        target, id = target_with(0)
        begun = time.process_time()
        target.write(id, full, whole)
        spent = 1000 * (time.process_time() - begun)
        print(f"for comparison, the same mask with the whole volume as box: {spent:.0f} ms")


if __name__ == "__main__":
    main()
