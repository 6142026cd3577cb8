"""A box drawn in one slice, and the box of the active segment shown in all views."""

from __future__ import annotations

from itertools import product
from typing import Callable, List, Tuple

import numpy as np

from ...Logic.mrml.scene_session import SceneSession
from ...Logic.prompts import BoxPrompt
from .overlay import BoxOutline

Ras = Tuple[float, float, float]


class BoxTool:
    """`give(corners)` receives the eight corners of a finished box in the world."""

    def __init__(self, scene, give: Callable[[List[Ras]], None]) -> None:
        self._outline = BoxOutline(scene)
        self._give = give

    def drag(self, start: Ras, end: Ras, normal: np.ndarray, finished: bool) -> None:
        """From corner to corner in a slice; as deep along its `normal` as the shorter side is long."""
        low, high = np.minimum(start, end), np.maximum(start, end)
        depth = np.sort(high - low)[1] / 2 * np.abs(normal)
        low, high = low - depth, high + depth
        self._outline.show(low, high, np.eye(3))
        if finished:
            self._give([tuple(corner) for corner in product(*zip(low, high))])

    def show(self, work: SceneSession) -> bool:
        """The box prompt of the active segment, if it has one; whether it has."""
        boxes = [p for p in work.session.prompts if isinstance(p, BoxPrompt)] if work.is_attached else []
        if not boxes:
            self._outline.hide()
            return False
        geometry = work.session.geometry
        columns = geometry.ijk_to_ras[:3, :3]
        low, high = geometry.kji_to_ras(boxes[0].lo), geometry.kji_to_ras(boxes[0].hi)
        self._outline.show(np.asarray(low), np.asarray(high), columns / np.linalg.norm(columns, axis=0))
        return True
