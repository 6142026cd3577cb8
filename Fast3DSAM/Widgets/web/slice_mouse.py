"""Mouse in one slice view: clicks, box drags and hovering become signals; scroll, pan and zoom stay Slicer's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, List, Optional, Sequence, Tuple

import numpy as np
import slicer.util

Ras = Tuple[float, float, float]
_STILL = 4  # pixels that a hand may move during a click
_REACH = 9  # pixels around a control point in which a press takes hold of it
_SAME_SLICE = 0.55


@dataclass
class MouseListeners:
    """`click(ras, positive)`, `hover(ras or None)`, `drag(corner, corner, normal, finished)`."""

    click: Callable[[Ras, bool], None]
    hover: Callable[[Optional[Ras]], None]
    drag: Callable[[Ras, Ras, np.ndarray, bool], None]


class SliceMouse:
    """Watches the interactor of a trame-slicer `SliceView`; `tool()` names what the left button does now.

    `points()` are the control points of the active segment in the world.

    A press on a control point belongs to Slicer, which drags it; a right click without movement is a background click.
    """

    def __init__(
        self, view, tool: Callable[[], str], points: Callable[[], Sequence[Ras]], listeners: MouseListeners
    ) -> None:
        self.view = view
        self._points = points
        self._tool = tool
        self._listeners = listeners
        self._pressed: Optional[Tuple[Tuple[int, int], bool]] = None
        self._start: Optional[Ras] = None
        self._tags: List[int] = []
        self._interactor = view.interactor()
        for event, call in (
            ("LeftButtonPressEvent", lambda *_: self._press(True)),
            ("RightButtonPressEvent", lambda *_: self._press(False)),
            ("MouseMoveEvent", self._move),
            ("LeftButtonReleaseEvent", lambda *_: self._release(True)),
            ("RightButtonReleaseEvent", lambda *_: self._release(False)),
            ("LeaveEvent", lambda *_: listeners.hover(None)),
        ):
            self._tags.append(self._interactor.AddObserver(event, call, 10.0))

    def close(self) -> None:
        """Watch no more."""
        for tag in self._tags:
            self._interactor.RemoveObserver(tag)
        self._tags.clear()

    def ras(self, position: Optional[Tuple[int, int]] = None) -> Ras:
        """World position of a pixel; of the mouse where None."""
        x, y = position or self._interactor.GetEventPosition()
        to_ras = slicer.util.arrayFromVTKMatrix(self.view.get_view_node().GetXYToRAS())
        return tuple(float(v) for v in (to_ras @ (x, y, 0, 1))[:3])

    def _press(self, left: bool) -> None:
        self._pressed = self._start = None
        if self._interactor.GetShiftKey() or self._interactor.GetControlKey() or self._is_on_point():
            return
        if left and self._tool() == "box":
            self._start = self.ras()
        elif self._tool() in ("foreground", "background"):
            self._pressed = (self._interactor.GetEventPosition(), left)

    def _move(self, *_) -> None:
        if self._start is not None:
            self._drag(False)
        elif self._pressed is None:
            busy = self._is_on_point() or self._tool() not in ("foreground", "background")
            self._listeners.hover(None if busy else self.ras())

    def _release(self, left: bool) -> None:
        pressed, self._pressed = self._pressed, None
        if left and self._start is not None:
            self._drag(True)
            self._start = None
        elif pressed is not None and pressed[1] is left:
            moved = np.abs(np.subtract(self._interactor.GetEventPosition(), pressed[0])).max()
            if moved <= _STILL:
                self._listeners.click(self.ras(pressed[0]), left and self._tool() == "foreground")

    def _drag(self, finished: bool) -> None:
        normal = slicer.util.arrayFromVTKMatrix(self.view.get_view_node().GetSliceToRAS())[:3, 2]
        self._listeners.drag(self._start, self.ras(), normal, finished)

    def _is_on_point(self) -> bool:
        """Whether Slicer takes hold of a control point here."""
        here = self._interactor.GetEventPosition()
        to_xy = np.linalg.inv(slicer.util.arrayFromVTKMatrix(self.view.get_view_node().GetXYToRAS()))
        for ras in self._points():
            x, y, depth = (to_xy @ (*ras, 1))[:3]
            if abs(depth) <= _SAME_SLICE and np.hypot(here[0] - x, here[1] - y) <= _REACH:
                return True
        return False
