"""Masks that are computed in another thread: the session says what is missing instead of making its caller wait."""

from __future__ import annotations

from typing import Callable, Optional, Protocol

from .prompts import PromptSet


class MaskPending(Exception):
    """The mask of `prompts` is not at hand and nothing was changed.

    Let another thread run `session.prepare(prompts)`, then ask again; the answer comes at once.
    """

    def __init__(self, prompts: PromptSet) -> None:
        super().__init__(f"The mask of {len(prompts)} prompts has still to be computed.")
        self.prompts = prompts


class Background(Protocol):
    """Runs one job elsewhere."""

    def run(self, job: Callable[[], object], done: Callable[[Optional[Exception]], None]) -> Callable[[], None]:
        """Starts `job()`, and later calls `done(error or None)` in the caller's own thread.

        Returns a function that forgets the job: `done` is not called any more.
        """
        ...
