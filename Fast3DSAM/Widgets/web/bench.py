"""What one tab works on: scene views, volume, session, segments; and how the page hears of it."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import Any, Dict, List, Optional, Tuple

from ...Logic.errors import Fast3DSAMError, SceneError
from ...Logic.mrml.scene_session import SceneSession
from .box_tool import BoxTool
from .segment_list import SegmentList
from .views import Views

_NO_VOLUME = "There is no prepared volume yet; open one and wait until it is ready."
Ras = Tuple[float, float, float]
_logger = logging.getLogger(__name__)


class Bench:
    """Shared by the parts of a workspace. `work` is there from the first prepared volume on, attached or not."""

    def __init__(self, state, views: Views) -> None:
        self.state, self.views = state, views
        self.volume: Any = None
        self.work: Optional[SceneSession] = None
        self.segments: Optional[SegmentList] = None
        self.box: Optional[BoxTool] = None
        self.timing: Dict[str, float] = {}

    @property
    def is_attached(self) -> bool:
        """Whether clicks count."""
        return self.work is not None and self.work.is_attached

    def attached(self) -> SceneSession:
        """The session at work. Raises `SceneError` where there is none."""
        if not self.is_attached:
            raise SceneError(_NO_VOLUME)
        return self.work

    def listed(self) -> SegmentList:
        """The list of its segments. Raises `SceneError` where there is no session at work."""
        self.attached()
        return self.segments

    def points(self) -> List[Ras]:
        """The active segment's control points in the world."""
        return [point.position for point in self.work.points()] if self.is_attached else []

    @contextmanager
    def telling(self):
        """Errors become a sentence on the page; afterwards the page shows what is true now."""
        with self.state:
            try:
                yield
            except Fast3DSAMError as error:
                self.state.error = str(error)
            except Exception as error:  # the page must hear of it, whatever it is
                _logger.exception("An action of a tab failed.")
                self.state.error = f"That did not work ({type(error).__name__}: {error}); try again."
            finally:
                self._show()

    def complain(self, message: str) -> None:
        """Put a sentence on the page."""
        with self.state:
            self.state.error = message

    def _show(self) -> None:
        state, work = self.state, self.work
        attached = self.is_attached
        history = work.session.history if attached else None
        if attached:
            self.segments.paint_new()
        state.segments = self.segments.rows() if attached else []
        state.active_segment = (work.active_segment_id or "") if attached else ""
        state.points = [_point_row(n, point) for n, point in enumerate(work.points() if attached else [], 1)]
        state.can_undo, state.can_redo = bool(history and history.can_undo), bool(history and history.can_redo)
        state.is_working = attached and work.is_waiting
        state.has_box = bool(attached and self.box and self.box.show(work))
        state.timing = dict(self.timing)  # last: who sees it sees all the rest of that click


def _point_row(number: int, point) -> Dict[str, Any]:
    return {
        "id": point.id,
        "number": number,
        "positive": point.positive,
        "ras": [round(v, 1) for v in point.position],
        "exact": list(map(float, point.position)),
    }
