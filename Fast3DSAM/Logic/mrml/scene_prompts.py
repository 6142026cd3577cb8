"""Prompts given in the world, as calls. Positions are RAS millimetres.

Every change returns the new mask, or None where it is computed elsewhere and comes later.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from threading import Event
from typing import Callable, Optional, Sequence

from .attachment import Attachment
from .markups import Key, Ras
from .point_follower import Ask
from .prompt_session import MaskUpdate, PromptSession


class ScenePrompts(ABC):
    """What a user can give to the active segment; `SceneSession` says how a change is made."""

    session: PromptSession

    @abstractmethod
    def _ready(self) -> Attachment:
        """What is attached. Raises `SceneError` where nothing is."""

    @abstractmethod
    def _change(self, ask: Ask, save: bool = True, reject: Sequence[Key] = ()) -> Optional[MaskUpdate]:
        """Let the session do `ask` and write what it answers."""

    def place(self, position_ras: Sequence[float], positive: bool = True) -> Optional[MaskUpdate]:
        """A click at a world position."""
        return self._change(lambda at: self.session.add_point(at.kji(position_ras), positive))

    def move_point(self, id: int, position_ras: Sequence[float]) -> Optional[MaskUpdate]:
        return self._change(lambda at: self.session.move_point(id, at.kji(position_ras)))

    def remove_point(self, id: int) -> Optional[MaskUpdate]:
        return self._change(lambda at: self.session.remove_point(id))

    def flip_point(self, id: int) -> Optional[MaskUpdate]:
        """Foreground becomes background and the other way round."""
        return self._change(lambda at: self.session.flip_point(id))

    def add_box_ras(self, corners: Sequence[Sequence[float]]) -> Optional[MaskUpdate]:
        """The object lies within the box, along the volume's axes, around these world points (n, 3), n >= 2.

        Two opposite corners do where the box has the volume's axes; for an oblique ROI give all eight.
        """
        return self._change(lambda at: self.session.add_box(*map(tuple, at.box_kji(corners))))

    def add_scribble_ras(self, points: Sequence[Sequence[float]], positive: bool = True) -> Optional[MaskUpdate]:
        """A stroke through these world points (n, 3)."""
        return self._change(lambda at: self.session.add_scribble(at.kji(points), positive))

    def clear(self) -> Optional[MaskUpdate]:
        """Remove all prompts of the active segment, and with them its mask; `undo` brings both back."""
        return self._change(lambda at: self.session.reset())

    def undo(self) -> Optional[MaskUpdate]:
        """One step back in the active segment's prompts; a change made by hand counts as a step."""
        return self._change(lambda at: self.session.undo())

    def redo(self) -> Optional[MaskUpdate]:
        return self._change(lambda at: self.session.redo())

    def preview_ras(self, position_ras: Sequence[float], positive: bool = True) -> MaskUpdate:
        """What a click there would give; writes nothing. Raises `MaskPending` where the session never waits."""
        attached = self._ready()
        attached.reconcile()
        return self.session.preview(attached.kji(position_ras), positive)

    def embed_ahead_at(self, position_ras: Sequence[float]) -> Callable[[Event], int]:
        """What `session.embed_ahead` does for a click there, as work for another thread; the event cancels it."""
        place = self._ready().voxels(position_ras)
        return lambda cancel: self.session.embed_ahead(place, cancel)

    def suggest_next_ras(self) -> Optional[Ras]:
        """World position where the model is least sure; None if it has no doubt."""
        attached = self._ready()
        attached.reconcile()
        position = self.session.suggest_next()
        return None if position is None else tuple(map(float, attached.geometry.kji_to_ras(position)))
