"""Tells the page how many releases of a mouse button have arrived, so that no key of its user overtakes the mouse."""

from __future__ import annotations

from typing import Iterable

from ...Logic.mrml.observers import Observers

_FIRST = 20.0  # before Slicer's own observers, which may end an event


class Releases:
    """Counts in `state.releases` what the interactors of some views hear of."""

    def __init__(self, state, views: Iterable) -> None:
        self._state = state
        self._observers = Observers()
        for view in views:
            for button in ("Left", "Middle", "Right"):
                self._observers.add(view.interactor(), f"{button}ButtonReleaseEvent", self._count, priority=_FIRST)

    def close(self) -> None:
        """Count no more."""
        self._observers.clear()

    def _count(self) -> None:
        self._state.releases += 1  # sent when the event has been handled
