"""What the scene needs of a session, as Protocols: `Logic.session.InteractiveSession` fits, and so does any other."""

from __future__ import annotations

from typing import Any, Optional, Protocol, Sequence, Tuple

import numpy as np

from ..geometry import Box, VolumeGeometry
from ..prompts import Position, PromptHistory, PromptSet


class MaskUpdate(Protocol):
    """The mask after a prompt: true only inside `box`, where it is `box_mask` (k, j, i); `iou` 0..1 is predicted."""

    box: Box
    box_mask: np.ndarray
    iou: float
    seconds: float


class PromptSession(Protocol):
    """Prompts in (k, j, i) voxels -> masks. The mask is a function of volume and prompts alone."""

    prompts: PromptSet
    history: PromptHistory
    has_volume: bool
    shape: Optional[Tuple[int, int, int]]

    def set_volume(
        self, voxels: np.ndarray, *, geometry: Optional[VolumeGeometry] = None, progress: Any = None, cancel: Any = None
    ) -> float: ...

    def clear_volume(self) -> None: ...

    def add_point(self, position: Sequence[float], positive: bool = True) -> MaskUpdate: ...

    def move_point(self, id: int, position: Sequence[float], new_step: bool = True) -> MaskUpdate: ...

    def remove_point(self, id: int) -> MaskUpdate: ...

    def flip_point(self, id: int) -> MaskUpdate: ...

    def add_box(self, lo: Sequence[float], hi: Sequence[float]) -> MaskUpdate: ...

    def add_scribble(self, points: Sequence[Sequence[float]], positive: bool = True) -> MaskUpdate: ...

    def set_initial_mask(self, mask: np.ndarray) -> MaskUpdate: ...

    def undo(self) -> MaskUpdate: ...

    def redo(self) -> MaskUpdate: ...

    def reset(self) -> MaskUpdate: ...

    def preview(self, position: Sequence[float], positive: bool = True) -> MaskUpdate: ...

    def suggest_next(self) -> Optional[Position]: ...

    def use_history(self, history: PromptHistory) -> MaskUpdate: ...

    def apply(self, prompts: PromptSet, new_step: bool = True) -> MaskUpdate: ...

    def prepare(self, prompts: PromptSet) -> None: ...

    def embed_ahead(self, position: Sequence[float], cancel: Any = None) -> int: ...
