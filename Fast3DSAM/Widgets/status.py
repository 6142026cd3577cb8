"""What the panel says about the work at hand, as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Optional


class Stage(Enum):
    """How far the chosen volume is."""

    NO_VOLUME = "no volume"
    NO_TORCH = "no torch"
    NOT_READY = "not ready"
    PREPARING = "preparing"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True)
class Status:
    """`text` is one sentence for the user; `progress` 0..1 while preparing."""

    stage: Stage = Stage.NO_VOLUME
    text: str = ""
    progress: float = 0.0


@dataclass(frozen=True)
class Answer:
    """The last mask: predicted `quality` 0..1, and `seconds` from the prompt to the changed segment."""

    quality: float
    seconds: float


@dataclass(frozen=True)
class Engine:
    """What runs: device, memory that embeddings take (bytes), level index and its voxel size (mm), if known."""

    device: str
    embedding_bytes: int
    level: Optional[int] = None
    voxel_mm: Optional[float] = None
