"""What the user does to control points while a mask is computed has its place in the queue, as everything else has.

Otherwise an undo that is asked for after a drag would come before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Dict, Optional, Set, Tuple

from .markups import Key, PromptMarkups, Ras
from .point_follower import PointFollower
from .turns import Turns


class WaitingPoints:
    """Queues new and moved control points; of a drag only the newest position waits.

    `subject` names what the points are about: a move is dropped if that is another one when its turn comes.
    """

    def __init__(
        self, markups: PromptMarkups, follower: PointFollower, turns: Turns, subject: Callable[[], object]
    ) -> None:
        self._markups = markups
        self._follower = follower
        self._turns = turns
        self._subject = subject
        self._added: Set[Key] = set()
        self._moves: Optional[_Moves] = None

    def look(self) -> None:
        """A control point has changed and a mask is being computed."""
        changes = self._markups.changes()
        for key, _ in changes.added:
            if key not in self._added:
                self._added.add(key)
                self._turns.take(lambda key=key: self._follow_added(key))
        if changes.moved:
            self._wait_for_moves(dict(changes.moved))

    def clear(self) -> None:
        """What waited was dropped."""
        self._added.clear()
        self._moves = None

    def _wait_for_moves(self, places: Dict[Key, Ras]) -> None:
        moves, about = self._moves, (self._subject(), self._markups.drag)
        if moves is not None and self._turns.last is moves and moves.about == about:
            moves.places.update(places)
        else:
            self._moves = _Moves(places, about, self._follow_moves)
            self._turns.take(self._moves)

    def _follow_added(self, key: Key) -> None:
        self._added.discard(key)
        self._follower.follow_added(key)

    def _follow_moves(self, moves: _Moves) -> None:
        subject, drag = moves.about
        if subject == self._subject():
            for key, ras in moves.places.items():
                self._follower.follow_move(key, ras, drag)


@dataclass(eq=False)
class _Moves:
    """An action of `Turns`: where control points were when something else was asked for; `about` subject and drag."""

    places: Dict[Key, Ras]
    about: Tuple[object, Optional[int]]
    follow: Callable[[_Moves], None]

    def __call__(self) -> None:
        self.follow(self)
