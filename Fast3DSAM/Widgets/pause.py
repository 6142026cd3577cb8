"""Work that can wait until the user pauses, by Qt's timer."""

from __future__ import annotations

from typing import Callable

import qt

PAUSE = 300  # ms; shorter than the time in which one looks from the slice to the 3D view


class Pause:
    """`Later` for the main thread."""

    def __init__(self, milliseconds: int = PAUSE) -> None:
        self._call: Callable[[], None] = _nothing
        self._timer = qt.QTimer()
        self._timer.setSingleShot(True)
        self._timer.setInterval(milliseconds)
        self._timer.timeout.connect(self._is_over)

    def after_pause(self, call: Callable[[], None]) -> None:
        """Do `call()` after the pause, which begins anew."""
        self._call = call
        self._timer.start()

    def cancel(self) -> None:
        """Do nothing."""
        self._timer.stop()
        self._call = _nothing  # else what it belongs to, a closed scene, would be held until the next pause

    def _is_over(self) -> None:
        call, self._call = self._call, _nothing
        call()


def _nothing() -> None: ...
