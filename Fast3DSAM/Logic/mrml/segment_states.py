"""Keeps prompts and segments together: per segment its prompt history, and whether someone else changed the segment.

Whoever paints, uses another effect or presses Slicer's own undo changes the segment behind our back. Such a change is
only noted when it happens (an event); at the next prompt the segment is compared with the fingerprint of what we
wrote. If it differs, what is there now becomes the start, so that nothing is lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Dict, Optional

import numpy as np

from ..errors import InvalidPromptError
from ..geometry import Box, paste
from ..prompts import PromptHistory, PromptSet
from .labelmaps import fingerprint
from .prompt_session import PromptSession
from .prompt_store import StoredPrompts, load_prompts, store_prompts
from .segmentations import Part, SegmentationTarget

_EMPTY = fingerprint(Box.empty(), np.zeros((0, 0, 0), dtype=bool))


@dataclass
class SegmentState:
    """`fingerprint` of what was written last; `is_suspect`: the segment may have been changed by others since."""

    history: PromptHistory
    fingerprint: str
    is_suspect: bool = True


class SegmentStates:
    """The states of all segments of `target` that were used; prompts come back from the segments' tags."""

    def __init__(self, target: SegmentationTarget, session: PromptSession, on_error: Callable[[str], None]) -> None:
        self._target = target
        self._session = session
        self._on_error = on_error
        self._states: Dict[str, SegmentState] = {}

    def suspect(self, segment_id: Optional[str]) -> None:
        """Someone else may have changed this segment (None: any)."""
        for id, state in self._states.items():
            if segment_id in (None, "", id):
                state.is_suspect = True

    def forget(self, segment_id: str) -> None:
        """The segment was removed."""
        self._states.pop(segment_id, None)

    def activate(self, segment_id: str) -> None:
        """Give the session this segment's prompts; the segment itself is not touched."""
        state = self._states.get(segment_id)
        if state is None:
            stored = self._stored(segment_id) or StoredPrompts(PromptSet(), _EMPTY)
            state = SegmentState(PromptHistory(stored.prompts), stored.fingerprint)
            self._states[segment_id] = state
        self._session.use_history(state.history)

    def begin(self, segment_id: str) -> None:
        """A new, empty segment: the session's present history is its."""
        self._states[segment_id] = SegmentState(self._session.history, _EMPTY, is_suspect=False)

    def reconcile(self, segment_id: str) -> None:
        """Where the segment is not what its prompts made, let the session start from what it is."""
        state = self._states[segment_id]
        if not state.is_suspect:
            return
        box, mask = self._target.content(segment_id)
        current = fingerprint(box, mask)
        if current != state.fingerprint:
            self._adopt(segment_id, state, (box, mask), current)
        state.is_suspect = False

    def written(self, segment_id: str, box: Box, mask: np.ndarray) -> None:
        """The session's present prompts made the segment this mask; store both with it."""
        state = self._states[segment_id]
        state.history = self._session.history
        state.fingerprint = fingerprint(box, mask)
        state.is_suspect = False
        self._store(segment_id, StoredPrompts(self._session.prompts, state.fingerprint))

    def intact(self, segment_id: str) -> bool:
        """Whether the segment is what its stored prompts made."""
        stored = self._stored(segment_id)
        return stored is not None and stored.fingerprint == self._target.fingerprint(segment_id)

    def renew(self, segment_id: str) -> None:
        """Another segment took voxels from this intact one or gave some back; its prompts stay valid."""
        stored = self._stored(segment_id)
        if stored is None:
            return
        print_now = self._target.fingerprint(segment_id)
        self._store(segment_id, StoredPrompts(stored.prompts, print_now))
        if segment_id in self._states:
            self._states[segment_id].fingerprint = print_now

    def _adopt(self, segment_id: str, state: SegmentState, content: Part, current: str) -> None:
        stored = self._stored(segment_id)
        box, mask = content
        whole = Box((0, 0, 0), self._target.volume.shape)
        if stored is not None and stored.fingerprint == current:
            self._session.apply(stored.prompts)  # Slicer's undo brought back a segment together with its prompts
        elif current == _EMPTY:
            self._session.apply(PromptSet())
        elif not len(state.history.current) and not state.history.can_undo:
            # Foreign content is where this history begins: undo must not go behind it.
            self._session.use_history(PromptHistory(PromptSet().with_mask(paste(mask, box, whole))))
        else:
            self._session.set_initial_mask(paste(mask, box, whole))
        state.history = self._session.history
        state.fingerprint = current
        self._store(segment_id, StoredPrompts(self._session.prompts, current))

    def _stored(self, segment_id: str) -> Optional[StoredPrompts]:
        try:
            return load_prompts(self._target.segment(segment_id), self._target.volume)
        except InvalidPromptError as error:
            self._on_error(str(error))
            return None

    def _store(self, segment_id: str, stored: StoredPrompts) -> None:
        with self._target.own_change():
            store_prompts(self._target.segment(segment_id), self._target.volume, stored)
