"""One change of the scene at a time: a change whose mask has still to be computed elsewhere keeps its turn."""

from __future__ import annotations

import logging
from collections import deque
from typing import Any, Callable, Deque, Optional, Tuple

from ..deferred import Background, MaskPending
from ..errors import Fast3DSAMError
from .prompt_session import PromptSession

Action = Callable[[], Any]
_logger = logging.getLogger(__name__)


class Turns:
    """Runs actions in the order in which they came; all in the caller's thread, only masks are computed elsewhere.

    An action that raises `MaskPending` has changed nothing yet; it is run once more when the mask is there. Without
    `background` that does not happen. `subject` names what the actions are about: if it is another one when the mask
    is there, the action is dropped. `on_idle` runs when a turn ends that had to wait and no other one waits.
    """

    def __init__(
        self,
        session: PromptSession,
        background: Optional[Background],
        subject: Callable[[], object],
        on_idle: Callable[[], None],
        on_error: Callable[[str], None],
    ) -> None:
        self._session = session
        self._background = background
        self._subject = subject
        self._on_idle = on_idle
        self._on_error = on_error
        self._forget: Optional[Callable[[], None]] = None
        self._queue: Deque[Tuple[Action, Action]] = deque()

    @property
    def is_waiting(self) -> bool:
        """True while a mask is computed elsewhere."""
        return self._forget is not None

    @property
    def is_queued(self) -> bool:
        """True while other actions wait for their turn."""
        return bool(self._queue)

    @property
    def last(self) -> Optional[Action]:
        """The action that will have its turn last of those that wait."""
        return self._queue[-1][0] if self._queue else None

    def take(self, action: Action, refused: Action = lambda: None) -> Any:
        """What `action` returns, or None if its turn comes later. `refused` runs if it fails then."""
        if self.is_waiting:
            self._queue.append((action, refused))
            return None
        return self._try(action, refused)

    def clear(self) -> None:
        """Drop all that waits."""
        if self._forget is not None:
            self._forget()
        self._forget = None
        self._queue.clear()

    def _try(self, action: Action, refused: Action) -> Any:
        try:
            return action()
        except MaskPending as pending:
            if self._background is None:
                raise
            prompts, subject = pending.prompts, self._subject()
            self._forget = self._background.run(
                lambda: self._session.prepare(prompts), lambda error: self._computed(action, refused, subject, error)
            )
            return None

    def _computed(self, action: Action, refused: Action, subject: object, error: Optional[Exception]) -> None:
        self._forget = None
        if error is None and subject == self._subject():
            self._finish(action, refused)
        else:
            refused()
            if error is not None:
                self._tell(error)
        while self._queue and not self.is_waiting:
            self._finish(*self._queue.popleft())
        if not self.is_waiting:
            self._on_idle()

    def _finish(self, action: Action, refused: Action) -> None:
        try:
            self._try(action, refused)
        except Fast3DSAMError as error:
            refused()
            self._tell(error)

    def _tell(self, error: Exception) -> None:
        if isinstance(error, Fast3DSAMError):
            self._on_error(str(error))
        else:
            _logger.error("A mask could not be computed.", exc_info=error)
            self._on_error(f"The mask could not be computed ({type(error).__name__}: {error}); try again.")
