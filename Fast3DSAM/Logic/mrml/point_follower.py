"""Follows the user's hand: control points that were placed, dragged or deleted become prompts."""

from __future__ import annotations

from dataclasses import replace
from typing import Callable, Collection, Optional, Protocol, Sequence

from ..errors import Fast3DSAMError, InvalidPromptError
from ..prompts import PromptSet
from .attachment import Attachment
from .markups import Key, PointChanges, PromptMarkups, Ras, ScenePoint
from .prompt_session import MaskUpdate, PromptSession

Ask = Callable[[Attachment], MaskUpdate]


class Change(Protocol):
    """`SceneSession`'s way to change the prompts: `ask` does it, `save` lets Slicer's undo come back to the state
    before, `reject` are control points to take away if it fails."""

    def __call__(self, ask: Ask, save: bool = True, reject: Sequence[Key] = ()) -> MaskUpdate: ...


class PointFollower:
    """`attached()` is the present attachment, or None while nothing may change. A drag is one step of undo."""

    def __init__(
        self,
        session: PromptSession,
        markups: PromptMarkups,
        attached: Callable[[], Optional[Attachment]],
        change: Change,
        on_error: Callable[[str], None],
    ) -> None:
        self._session = session
        self._markups = markups
        self._attached = attached
        self._change = change
        self._on_error = on_error
        self._drag_has_step = False
        self._drag_has_error = False

    def follow(self, new: Optional[Collection[Key]] = None) -> None:
        """Take over the user's changes of control points, one at a time, until prompts and points agree.

        Of points that are not known yet only those in `new`, where it is given.
        """
        while self._attached() is not None:
            changes = self._markups.changes()
            if new is not None:
                changes = replace(changes, added=tuple(point for point in changes.added if point[0] in new))
            if not changes:
                return
            try:
                self._take_over(self._attached(), changes)
            except Fast3DSAMError as error:
                if not self._drag_has_error:  # a drag outside the volume complains once, not at each mouse move
                    self._on_error(str(error))
                self._drag_has_error = self._markups.is_dragging

    def drag_ended(self) -> None:
        self._drag_has_step = self._drag_has_error = False

    def _take_over(self, attached: Attachment, changes: PointChanges) -> None:
        if attached.moved():
            self._markups.show(attached.points())
        elif changes.added:
            key, ras = changes.added[0]
            self._change(lambda at: self._add(at, key, ras), reject=[key])
        elif changes.removed:
            self._change(lambda at: self._remove(changes.removed))
        else:
            self._move(*changes.moved[0])

    def _add(self, attached: Attachment, key: Key, ras: Ras) -> MaskUpdate:
        update = self._session.add_point(attached.kji(ras), key[0])
        self._markups.tie(key, ScenePoint(self._session.prompts.points[-1].id, ras, key[0]))
        return update

    def _remove(self, ids: Sequence[int]) -> MaskUpdate:
        return self._session.apply(PromptSet(tuple(p for p in self._session.prompts if p.id not in ids)))

    def _move(self, id: int, ras: Ras) -> None:
        new_step = not (self._markups.is_dragging and self._drag_has_step)

        def ask(attached: Attachment) -> MaskUpdate:
            if id not in {p.id for p in self._session.prompts.points}:
                raise InvalidPromptError(
                    "The segment was changed by hand, and what it was then is kept; place a new point instead of "
                    "moving one from before."
                )
            return self._session.move_point(id, attached.kji(ras), new_step=new_step)

        self._change(ask, save=new_step)
        self._drag_has_step = self._markups.is_dragging
