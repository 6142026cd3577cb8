"""Embeddings (and masks), kept while there is room, and on disk if the user asks."""

from __future__ import annotations

import hashlib
import logging
import os
import threading
import zipfile
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Callable, Hashable, Optional

import numpy as np

from .prediction import Predictor
from .tiling import Tile

_logger = logging.getLogger(__name__)
_PIECE_BYTES = 1 << 23


class ByteLimitedCache:
    """Least-recently-used cache of things that have `nbytes`; safe to use from several threads."""

    def __init__(self, byte_limit: int) -> None:
        self.byte_limit = byte_limit
        self.nbytes = 0
        self._entries: "OrderedDict[Hashable, Any]" = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> Optional[Any]:
        with self._lock:
            if key in self._entries:
                self._entries.move_to_end(key)
            return self._entries.get(key)

    def put(self, key: Hashable, value: Any) -> None:
        """Keeps `value`, dropping the longest unused others; the newest stays even if it alone is over the limit."""
        with self._lock:
            old = self._entries.pop(key, None)
            self.nbytes += value.nbytes - (old.nbytes if old is not None else 0)
            self._entries[key] = value
            while self.nbytes > self.byte_limit and len(self._entries) > 1:
                self.nbytes -= self._entries.popitem(last=False)[1].nbytes

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()
            self.nbytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: Hashable) -> bool:
        return key in self._entries


def content_key(voxels: np.ndarray, spacing: tuple) -> str:
    """A name for a volume by its content: equal for equal voxels, type and spacing.

    Every voxel counts. Pieces are hashed side by side, which `hashlib` does without holding the interpreter.
    """
    digest = hashlib.blake2b(digest_size=16)
    digest.update(repr((voxels.shape, voxels.dtype.str, [round(float(s), 6) for s in spacing])).encode())
    step = max(1, _PIECE_BYTES // max(1, voxels[:1].nbytes))
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        for piece in pool.map(lambda k: _digest(voxels[k : k + step]), range(0, len(voxels), step)):
            digest.update(piece)
    return digest.hexdigest()


def _digest(piece: np.ndarray) -> bytes:
    return hashlib.blake2b(np.ascontiguousarray(piece), digest_size=32).digest()


class EmbeddingCache:
    """Embeddings by volume and tile: in memory up to a byte limit, and on disk (half precision) under `folder`."""

    def __init__(self, predictor: Predictor, byte_limit: int = 1 << 30, folder: Optional[Path] = None) -> None:
        self._predictor = predictor
        self._memory = ByteLimitedCache(byte_limit)
        self._folder = Path(folder) if folder else None

    @property
    def nbytes(self) -> int:
        return self._memory.nbytes

    def get(self, volume_key: str, tile: Tile, compute: Callable[[], Any]) -> Any:
        """The tile's embedding: from memory, from disk, or from `compute()`, which is then kept."""
        key = (volume_key, tile)
        embedding = self._memory.get(key)
        if embedding is None:
            embedding = self._load(volume_key, tile)
            if embedding is None:
                embedding = compute()
                self._save(volume_key, tile, embedding)
            self._memory.put(key, embedding)
        return embedding

    def __contains__(self, key: tuple) -> bool:
        return key in self._memory

    def _path(self, volume_key: str, tile: Tile) -> Path:
        name = "_".join(str(v) for v in (tile.level, *tile.origin))
        return self._folder / f"{volume_key}-{self._predictor.fingerprint[:16]}" / f"{name}.npz"

    def _load(self, volume_key: str, tile: Tile) -> Optional[Any]:
        if self._folder is None:
            return None
        path = self._path(volume_key, tile)
        try:
            with np.load(path, allow_pickle=False) as arrays:
                return self._predictor.unpack(dict(arrays))
        except FileNotFoundError:
            return None
        except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
            _logger.warning("Stored embedding %s is damaged (%s); it is computed again.", path, error)
            return None

    def _save(self, volume_key: str, tile: Tile, embedding: Any) -> None:
        if self._folder is None:
            return
        path = self._path(volume_key, tile)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}.part")
            with part.open("wb") as file:
                np.savez(file, **self._predictor.pack(embedding))
            os.replace(part, path)
        except OSError as error:
            _logger.warning("The embedding cannot be stored in %s (%s); the session goes on without.", path, error)
