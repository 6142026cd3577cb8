"""Memory that a closed tab has freed goes back to the system."""

from __future__ import annotations

import contextlib
import ctypes
import gc


def give_back() -> None:
    """Collect garbage, then let the C library return what is free; without this it keeps it for later (glibc)."""
    gc.collect()
    with contextlib.suppress(AttributeError, OSError, TypeError):  # other C libraries do it by themselves
        ctypes.CDLL(None).malloc_trim(0)
