"""How the threads of PyTorch wait for each other. Imports nothing heavy: it has to come before PyTorch."""

from __future__ import annotations

import os

# Read once, when PyTorch loads its OpenMP: GNU's, then LLVM's and Intel's.
SHORT_WAITS = {"GOMP_SPINCOUNT": "1000", "KMP_BLOCKTIME": "1"}


def wait_asleep() -> None:
    """Threads that have done their share of an operator go to sleep soon, instead of keeping their core busy.

    Has an effect only before PyTorch is imported for the first time; what the user has set in the environment stays.
    By default such a thread spins for milliseconds, which pays for a program that has the computer for itself, by
    nothing to a third of a click as measured. Beside other work two threads on two cores then decode a click three
    times slower than one thread does, and now and then take seconds (`python -m Testing.logic.measure_waiting`).
    Only GNU's OpenMP was tried.
    """
    for name, value in SHORT_WAITS.items():
        os.environ.setdefault(name, value)
