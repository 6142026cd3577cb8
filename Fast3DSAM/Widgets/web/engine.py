"""One network and one store of embeddings for all tabs."""

from __future__ import annotations

import threading
from typing import Optional

from ...Logic.embedding_cache import EmbeddingCache
from ...Logic.prediction import Predictor
from ...Logic.session import InteractiveSession
from .settings import AppSettings


class Engine:
    """Loads the network when the first tab needs it. Safe to use from several threads."""

    def __init__(self, settings: AppSettings, predictor: Optional[Predictor] = None) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._predictor = predictor
        self._embeddings: Optional[EmbeddingCache] = None

    def session(self) -> InteractiveSession:
        """A session of its own on the shared network. Raises `CheckpointError`, `DeviceError`."""
        with self._lock:
            if self._predictor is None:
                from ...Logic.predictor import LocalPredictor

                self._predictor = LocalPredictor.load(self._settings.weights, self._settings.device)
            if self._embeddings is None:
                settings = self._settings
                self._embeddings = EmbeddingCache(self._predictor, settings.cache_bytes, settings.cache_dir)
        session = InteractiveSession(self._predictor, embeddings=self._embeddings)
        session.never_wait = True
        return session

    @property
    def embedding_bytes(self) -> int:
        """Memory that the embeddings of all tabs take together."""
        return self._embeddings.nbytes if self._embeddings is not None else 0
