"""A session at work on a small volume."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import List

import numpy as np
import pytest

from Fast3DSAM.Logic.mrml.scene_session import SceneSession
from Testing.mrml.ball_session import RADIUS, BallSession
from Testing.mrml.scene_helpers import GRIDS, SHAPE, add_volume, segment_mask


@dataclass
class Case:
    """A `SceneSession` on a volume with grid `matrix`; collects what it reports."""

    scene: object
    session: BallSession
    updates: List[object] = field(default_factory=list)
    errors: List[str] = field(default_factory=list)
    work: SceneSession = None
    volume: object = None

    def ras(self, kji):
        """World position of a voxel."""
        return tuple(self.work.session.geometry.kji_to_ras(kji))

    def mask(self, segment_id=None) -> np.ndarray:
        return segment_mask(self.work.segmentation_node, segment_id or self.work.active_segment_id, SHAPE)

    def ball(self, *kji, minus=()) -> np.ndarray:
        """What the session must make of these points, worked out here once more."""
        spacing = self.session.geometry.spacing
        voxels = np.stack(np.indices(SHAPE), axis=-1)

        def union(points):
            near = [(((voxels - point) * spacing) ** 2).sum(axis=-1) < RADIUS**2 for point in points]
            return np.logical_or.reduce([*near, np.zeros(SHAPE, bool)])

        return union(kji) & ~union(minus)


def start_case(scene, volume=None, segmentation=None, session=None, **options) -> Case:
    """Attach a new session to `volume` (axis-aligned where None)."""
    case = Case(scene, session or BallSession())
    case.work = SceneSession(scene, case.session, on_update=case.updates.append, on_error=case.errors.append, **options)
    case.volume = volume or add_volume(scene, GRIDS["axis-aligned"])
    case.work.set_volume(case.volume, segmentation)
    return case


@pytest.fixture(autouse=True)
def no_hidden_errors(capfd):
    """VTK prints what goes wrong in an observer, and goes on; here that is a failure."""
    yield
    printed = capfd.readouterr().err
    assert not any(word in printed for word in ("Traceback", "ERROR", "Error:", " ERR|")), printed


@pytest.fixture
def case(scene) -> Case:
    made = start_case(scene)
    yield made
    made.work.close()
