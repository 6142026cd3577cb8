"""Work that can wait until the user pauses, by the event loop."""

from __future__ import annotations

import asyncio
from typing import Callable, Optional

PAUSE = 0.3  # seconds; shorter than the time in which one looks from the slice to the 3D view


class LoopPause:
    """`Later` for the event loop's thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float = PAUSE) -> None:
        self._loop, self._seconds = loop, seconds
        self._waiting: Optional[asyncio.TimerHandle] = None

    def after_pause(self, call: Callable[[], None]) -> None:
        """Do `call()` after the pause, which begins anew."""
        self.cancel()
        self._waiting = self._loop.call_later(self._seconds, call)

    def cancel(self) -> None:
        """Do nothing."""
        if self._waiting is not None:
            self._waiting.cancel()
        self._waiting = None
