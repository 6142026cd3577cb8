"""The segments of what a session works on, as calls: make, switch, remove, lock."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import List, Optional

from ..errors import SceneError
from .attachment import Attachment
from .locks import is_locked, protect_all, protects_all, set_locked
from .prompt_session import PromptSession
from .surface_updater import SURFACE
from .turns import Turns


class SceneSegments(ABC):
    """What a user can do with segments; a change has its turn, as a prompt has."""

    session: PromptSession
    _attached: Optional[Attachment]
    _turns: Turns

    @abstractmethod
    def _ready(self) -> Attachment:
        """What is attached. Raises `SceneError` where nothing is."""

    @abstractmethod
    def _activate(self, segment_id: Optional[str]) -> None:
        """Go to a segment now, and show its points."""

    @property
    def segment_ids(self) -> List[str]:
        return self._ready().target.segment_ids

    @property
    def active_segment_id(self) -> Optional[str]:
        """The segment that prompts go to; None: the next prompt makes a new one."""
        return self._attached.active if self._attached else None

    @active_segment_id.setter
    def active_segment_id(self, segment_id: Optional[str]) -> None:
        self._ready()
        self._turns.take(lambda: self._activate(segment_id))

    def new_segment(self, name: Optional[str] = None) -> str:
        """Add an empty segment and go to it; its ID."""
        segment_id = self._ready().target.add(name)
        self.active_segment_id = segment_id
        return segment_id

    def next_segment(self) -> Optional[str]:
        """Go to the segment after the active one; after the last, if it has prompts, to a new one. Its ID."""
        self._ready()
        return self._turns.take(self._next_segment)

    def _next_segment(self) -> Optional[str]:
        ids, active = self.segment_ids, self.active_segment_id
        following = ids[ids.index(active) + 1 :] if active in ids else []
        if following:
            self.active_segment_id = following[0]
        elif active is None or len(self.session.prompts):
            self.new_segment()
        return self.active_segment_id

    def remove_segment(self, segment_id: str) -> None:
        """Remove a segment with its prompts."""
        segmentation = self._ready().target.node.GetSegmentation()
        self._turns.take(lambda: segmentation.RemoveSegment(segment_id))

    @property
    def shows_surfaces(self) -> bool:
        """Whether the segments have 3D surfaces; after a click they follow it when the user pauses."""
        return self._ready().target.node.GetSegmentation().ContainsRepresentation(SURFACE)

    @shows_surfaces.setter
    def shows_surfaces(self, on: bool) -> None:
        node = self._ready().target.node
        if not on:
            node.RemoveClosedSurfaceRepresentation()
        elif not self.segment_ids:
            raise SceneError("There is no segment to show in 3D yet; make one first.")
        else:
            node.CreateClosedSurfaceRepresentation()
            node.GetDisplayNode().SetVisibility3D(True)
            node.GetDisplayNode().SetPreferredDisplayRepresentationName3D(SURFACE)

    def update_surfaces(self) -> None:
        """Make the 3D surfaces that wait for a pause now: for a script that reads them right after a click."""
        self._ready().surfaces.update()

    def is_locked(self, segment_id: str) -> bool:
        """Whether prompts for other segments must leave this one alone (the default)."""
        target = self._ready().target
        target.segment(segment_id)
        return is_locked(target.node, segment_id)

    def set_locked(self, segment_id: str, locked: bool) -> None:
        target = self._ready().target
        target.segment(segment_id)
        with target.own_change():
            set_locked(target.node, segment_id, locked)

    @property
    def protect_all(self) -> bool:
        """The lock switch for all segments; setting it sets every segment's own one."""
        return protects_all(self._ready().target.node)

    @protect_all.setter
    def protect_all(self, on: bool) -> None:
        target = self._ready().target
        with target.own_change():
            protect_all(target.node, on)
