"""The segments of a session as rows of the page's list, and what a user can change there."""

from __future__ import annotations

from typing import Any, Dict, List, Set

from ...Logic.errors import SceneError
from ...Logic.mrml.scene_session import SceneSession

_NAME_LENGTH = 80
# Told apart on grey, from each other, and from the green and red of points and previews.
_COLOURS = ("#4f8ff7", "#f5a524", "#b07cf0", "#37c6d6", "#f06fae", "#d3d54a", "#c98f5a", "#9fb6ff")


class SegmentList:
    """Reads and changes name, colour, visibility and lock; `millilitres` remembers sizes."""

    def __init__(self, work: SceneSession) -> None:
        self._work = work
        self.millilitres: Dict[str, float] = {}
        self._painted: Set[str] = set()

    def paint_new(self) -> None:
        """Give segments that were not there before the next colours of the palette."""
        present = self._work.segment_ids if self._work.is_attached else []
        for number, id in enumerate(present):
            if id not in self._painted:
                self.recolour(id, _COLOURS[number % len(_COLOURS)])
        self._painted = set(present)

    def rows(self) -> List[Dict[str, Any]]:
        """One dictionary a segment, in the order of the segmentation."""
        if not self._work.is_attached:
            return []
        return [self._row(id) for id in self._work.segment_ids]

    def rename(self, id: str, name: str) -> None:
        """An empty name is refused."""
        name = " ".join(str(name).split())[:_NAME_LENGTH]
        if not name:
            raise SceneError("A segment needs a name; type one.")
        self._segment(id).SetName(name)

    def recolour(self, id: str, colour: str) -> None:
        """`colour` is #rrggbb."""
        try:
            red, green, blue = (int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5))
        except (ValueError, TypeError) as error:
            raise SceneError(f"{colour!r} is no colour; choose one from the list.") from error
        self._segment(id).SetColor(red, green, blue)

    def show(self, id: str, visible: bool) -> None:
        self._segment(id)
        self._display.SetSegmentVisibility(id, bool(visible))

    def remove(self, id: str) -> None:
        """Delete a segment with its prompts."""
        self._segment(id)
        self.millilitres.pop(id, None)
        self._work.segmentation_node.GetSegmentation().RemoveSegment(id)

    @property
    def _display(self):
        return self._work.segmentation_node.GetDisplayNode()

    def _segment(self, id: str):
        segment = self._work.segmentation_node.GetSegmentation().GetSegment(id) if self._work.is_attached else None
        if segment is None:
            raise SceneError(f"There is no segment {id!r} any more; choose another one.")
        return segment

    def _row(self, id: str) -> Dict[str, Any]:
        segment = self._segment(id)
        return {
            "id": id,
            "name": segment.GetName(),
            "colour": "#" + "".join(f"{round(255 * v):02x}" for v in segment.GetColor()),
            "visible": bool(self._display.GetSegmentVisibility(id)),
            "locked": self._work.is_locked(id),
            "ml": f"{self.millilitres[id]:.1f} ml" if self.millilitres.get(id) else "empty",
        }
