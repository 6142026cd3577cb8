"""What the session asks of a network, in plain arrays: any network that answers can stand behind a session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Optional, Protocol, Sequence, Tuple

import numpy as np


@dataclass(frozen=True)
class TilePrompts:
    """Prompts in voxels (k, j, i) of one tile.

    `points` (n, 3) and `positive` (n,); `box` (2, 3) lower and upper corner or None; `previous` logits of the mask so
    far on the tile's grid, or None.
    """

    points: np.ndarray
    positive: np.ndarray
    box: Optional[np.ndarray] = None
    previous: Optional[np.ndarray] = None


@dataclass(frozen=True)
class TilePrediction:
    """`logits` float32 on the tile's grid (k, j, i): above 0 is foreground; `iou` the network's own estimate."""

    logits: np.ndarray
    iou: float


class Predictor(Protocol):
    """A network behind the session. Both calls may come from any thread."""

    tile_size: int
    fingerprint: str  # changes with the weights: part of an embedding's name on disk
    device_name: str

    def embed(self, voxels: np.ndarray, inside: np.ndarray) -> Any:
        """A tile's float voxels and where the volume is -> an embedding with `nbytes`."""

    def decode(self, embedding: Any, prompts: Sequence[TilePrompts]) -> Tuple[TilePrediction, ...]:
        """One prediction per element of `prompts`, all on the same tile."""

    def pack(self, embedding: Any) -> Dict[str, np.ndarray]:
        """An embedding as arrays, for the disk."""

    def unpack(self, arrays: Dict[str, np.ndarray]) -> Any:
        """The embedding back from `pack`'s arrays."""
