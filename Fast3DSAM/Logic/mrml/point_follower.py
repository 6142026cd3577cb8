"""Follows the user's hand: control points that were placed, dragged or deleted become prompts."""

from __future__ import annotations

from dataclasses import replace
from typing import Callable, Optional, Protocol, Sequence, Tuple

from ..errors import Fast3DSAMError, InvalidPromptError
from ..prompts import PromptSet
from .attachment import Attachment
from .markups import Key, PointChanges, PromptMarkups, Ras, ScenePoint, same_place
from .prompt_session import MaskUpdate, PromptSession

Ask = Callable[[Attachment], MaskUpdate]


class Change(Protocol):
    """`SceneSession`'s way to change the prompts: `ask` does it, `save` lets Slicer's undo come back to the state
    before, `reject` are control points to take away if it fails."""

    def __call__(self, ask: Ask, save: bool = True, reject: Sequence[Key] = ()) -> MaskUpdate: ...


class PointFollower:
    """`attached()` is the present attachment, or None while nothing may change.

    A drag is one step of undo, also where its masks come after the mouse was released.
    """

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
        self._step: Optional[Tuple[int, PromptSet]] = None  # number of a drag, and the prompts that its step has now
        self._drag_with_error: Optional[int] = None

    def follow(self) -> None:
        """Take over the user's changes of control points, one at a time, until prompts and points agree."""
        self._follow(self._markups.changes)

    def follow_added(self, key: Key) -> None:
        """Take over one new control point, and no other change."""
        self._follow(lambda: PointChanges(tuple(p for p in self._markups.changes().added if p[0] == key)))

    def follow_move(self, key: Key, ras: Ras, drag: Optional[int]) -> None:
        """Take over that a control point came to a place during a drag, wherever it is now."""
        attached, known = self._attached(), self._markups.known(key)
        if attached is not None and known is not None and not same_place(known.position, ras):
            self._take_over(attached, PointChanges(moved=((key, ras),)), drag)

    def _follow(self, look: Callable[[], PointChanges]) -> None:
        while self._attached() is not None:
            changes = look()
            if not changes:
                return
            self._take_over(self._attached(), changes, self._markups.drag)

    def _take_over(self, attached: Attachment, changes: PointChanges, drag: Optional[int]) -> None:
        try:
            if attached.moved():
                self._markups.show(attached.points())
            elif changes.added:
                key, ras = changes.added[0]
                self._change(lambda at: self._add(at, key, ras), reject=[key])
            elif changes.removed:
                self._change(lambda at: self._remove(changes.removed))
            else:
                self._move(*changes.moved[0], drag)
        except Fast3DSAMError as error:
            if drag is None or drag != self._drag_with_error:  # outside the volume: once, not at each mouse move
                self._on_error(str(error))
            self._drag_with_error = drag

    def _add(self, attached: Attachment, key: Key, ras: Ras) -> MaskUpdate:
        update = self._session.add_point(attached.kji(ras), key[0])
        self._markups.tie(key, ScenePoint(self._session.prompts.points[-1].id, ras, key[0]))
        return update

    def _remove(self, ids: Sequence[int]) -> MaskUpdate:
        return self._session.apply(PromptSet(tuple(p for p in self._session.prompts if p.id not in ids)))

    def _move(self, key: Key, ras: Ras, drag: Optional[int]) -> None:
        known = self._markups.known(key)
        # Only while the drag's own step is the present one: after an undo in between it would replace another step.
        new_step = drag is None or self._step != (drag, self._session.prompts)

        def ask(attached: Attachment) -> MaskUpdate:
            if known.id not in {p.id for p in self._session.prompts.points}:
                raise InvalidPromptError(
                    "The segment was changed by hand, and what it was then is kept; place a new point instead of "
                    "moving one from before."
                )
            update = self._session.move_point(known.id, attached.kji(ras), new_step=new_step)
            # Dealt with, also where the prompt lies beside it: the border's outer half voxel is taken for the border.
            self._markups.tie(key, replace(known, position=ras))
            self._step = None if drag is None else (drag, self._session.prompts)
            return update

        self._change(ask, save=new_step)
