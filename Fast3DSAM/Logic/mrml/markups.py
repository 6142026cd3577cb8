"""Foreground and background points as two Markups nodes. Positions are world RAS mm, parent transforms included.

Markups send many events for one placed point, and other ones for a paste or a deletion of all. So an event here only
says "look again": `changes` compares the defined control points with those that are known, and control-point IDs, not
indices, tie a point to its prompt. A point that merely follows the mouse (preview, undefined, missing) is none.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import Callable, Dict, Iterable, Optional, Tuple

import numpy as np

from .observers import Observers

ROLE_ATTRIBUTE = "Fast3DSAM.Role"
Ras = Tuple[float, float, float]
Key = Tuple[bool, str]
_SAME_PLACE = 1e-3
_LOOK = ("PointPositionDefined", "PointPositionUndefined", "PointPositionMissing", "PointRemoved", "PointModified")
_NAMES = {True: "Foreground", False: "Background"}
_COLOURS = {True: (0.2, 0.9, 0.3), False: (0.95, 0.25, 0.2)}


@dataclass(frozen=True)
class ScenePoint:
    """A point prompt in the scene: `id` of the prompt, world position in RAS mm."""

    id: int
    position: Ras
    positive: bool


@dataclass(frozen=True)
class PointChanges:
    """What the user did to the control points since they were last known; `removed` are IDs of prompts."""

    added: Tuple[Tuple[Key, Ras], ...] = ()
    moved: Tuple[Tuple[Key, Ras], ...] = ()
    removed: Tuple[int, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.moved or self.removed)


class PromptMarkups:
    """Two fiducial nodes of `scene` that show one segment's points; `on_change` runs when the user changes one.

    `drag` is the number of the drag under way, None where there is none: no two drags have the same one.
    """

    def __init__(self, scene, on_change: Callable[[], None]) -> None:
        self._scene = scene
        self._on_change = on_change
        self._nodes: Dict[bool, Optional[object]] = {True: None, False: None}
        self._known: Dict[Key, ScenePoint] = {}
        self._observers = Observers()
        self._quiet = 0
        self._drags = 0
        self.drag: Optional[int] = None

    def node(self, positive: bool):
        """The foreground or background node; None before `use` or after it was deleted."""
        return self._nodes[positive]

    def use(self, foreground=None, background=None) -> None:
        """Observe these nodes; where one is None the present one stays, or a new one is made."""
        for positive, node in ((True, foreground), (False, background)):
            if node is not None and node is not self._nodes[positive]:
                self._forget(positive)
                self._nodes[positive] = node
        for positive in self._nodes:
            if self._nodes[positive] is None or not self._scene.IsNodePresent(self._nodes[positive]):
                self._forget(positive)
                self._nodes[positive] = self._made(positive)
        self._observers.clear()
        for node in self._nodes.values():
            for name in _LOOK:
                self._observers.add(node, getattr(node, f"{name}Event"), self._changed)
            self._observers.add(node, node.PointStartInteractionEvent, self._drag_started)
            self._observers.add(node, node.PointEndInteractionEvent, self._drag_ended)

    def lose(self, node) -> bool:
        """Tell that `node` was deleted; True if it was one of ours. Its prompts stay."""
        for positive, mine in self._nodes.items():
            if mine is node:
                self._forget(positive)
                self._nodes[positive] = None
                return True
        return False

    def close(self) -> None:
        """Stop observing and take the shown points away; the nodes stay in the scene."""
        self._observers.clear()
        for node in list(self._nodes.values()):
            if node is not None and not self._scene.IsNodePresent(node):
                self.lose(node)
        self.show([])
        self.drag = None

    def changes(self) -> PointChanges:
        """Defined control points against the known ones."""
        current = self._defined()
        added = tuple((key, ras) for key, ras in current.items() if key not in self._known)
        removed = tuple(point.id for key, point in self._known.items() if key not in current)
        moved = tuple(
            (key, current[key])
            for key, point in self._known.items()
            if key in current and not same_place(point.position, current[key])
        )
        return PointChanges(added, moved, removed)

    def known(self, key: Key) -> Optional[ScenePoint]:
        """The prompt that a control point stands for, where it was last; None if it stands for none."""
        return self._known.get(key)

    def tie(self, key: Key, point: ScenePoint) -> None:
        """The control point `key` stands for this prompt from now on."""
        if self._nodes[key[0]] is not None:
            self._known[key] = point

    def show(self, points: Iterable[ScenePoint], reject: Iterable[Key] = (), keep_unseen: bool = False) -> None:
        """Make the nodes agree with `points`, touching only control points that differ; tells nobody.

        Control points that are not known yet stay, their turn comes, except those in `reject`. `keep_unseen`: so do
        known ones that the user has moved or deleted since; else these are put back.
        """
        wanted = {point.id: point for point in points}
        with self._silence():
            current = self._defined()
            for key in reject:
                if key in current:
                    self._remove(key)
            for key, known in list(self._known.items()):
                target = wanted.get(known.id)
                unseen = key not in current or not same_place(current[key], known.position)
                if keep_unseen and unseen and target is not None and target.positive is key[0]:
                    self._known[key] = target
                    continue
                if target is None or target.positive is not key[0] or key not in current:
                    del self._known[key]
                    if key in current:
                        self._remove(key)
                    continue
                if not same_place(current[key], target.position):
                    node = self._nodes[key[0]]
                    node.SetNthControlPointPositionWorld(node.GetNthControlPointIndexByID(key[1]), target.position)
                self._known[key] = target
            shown = {point.id for point in self._known.values()}
            for point in wanted.values():
                if point.id not in shown and self._nodes[point.positive] is not None:
                    self._known[self._place(point)] = point

    def match(self, points: Iterable[ScenePoint]) -> None:
        """Tie control points that already lie where `points` are (a reloaded scene), instead of making them anew."""
        current = self._defined()
        for point in points:
            for key, ras in current.items():
                if key not in self._known and key[0] is point.positive and same_place(ras, point.position):
                    self._known[key] = point
                    break

    def _defined(self) -> Dict[Key, Ras]:
        found = {}
        for positive, node in self._nodes.items():
            for index in range(node.GetNumberOfControlPoints() if node is not None else 0):
                if node.GetNthControlPointPositionStatus(index) == node.PositionDefined:
                    ras = node.GetNthControlPointPositionWorld(index)
                    found[(positive, node.GetNthControlPointID(index))] = tuple(float(v) for v in ras)
        return found

    def _place(self, point: ScenePoint) -> Key:
        node = self._nodes[point.positive]
        index = node.AddControlPointWorld(point.position)
        return point.positive, node.GetNthControlPointID(index)

    def _remove(self, key: Key) -> None:
        node = self._nodes[key[0]]
        node.RemoveNthControlPoint(node.GetNthControlPointIndexByID(key[1]))

    def _made(self, positive: bool):
        """The scene's own node of this role (a saved scene has one), else a new one."""
        kind = "vtkMRMLMarkupsFiducialNode"
        for node in (self._scene.GetNthNodeByClass(n, kind) for n in range(self._scene.GetNumberOfNodesByClass(kind))):
            if node.GetAttribute(ROLE_ATTRIBUTE) == _NAMES[positive]:
                return node
        node = self._scene.AddNewNodeByClass(kind, _NAMES[positive])
        node.SetAttribute(ROLE_ATTRIBUTE, _NAMES[positive])
        node.CreateDefaultDisplayNodes()
        display = node.GetDisplayNode()
        if display is not None:
            display.SetSelectedColor(*_COLOURS[positive])
            display.SetPointLabelsVisibility(False)
        return node

    def _forget(self, positive: bool) -> None:
        self._known = {key: point for key, point in self._known.items() if key[0] is not positive}

    @contextmanager
    def _silence(self):
        self._quiet += 1
        try:
            yield
        finally:
            self._quiet -= 1

    def _changed(self) -> None:
        if not self._quiet:
            self._on_change()

    def _drag_started(self) -> None:
        self._drags += 1
        self.drag = self._drags

    def _drag_ended(self) -> None:
        self.drag = None


def same_place(a: Ras, b: Ras) -> bool:
    """Whether two positions differ by rounding only."""
    return bool(np.max(np.abs(np.subtract(a, b))) < _SAME_PLACE)
