"""Where figures come from: processor, versions, threads, memory."""

from __future__ import annotations

import os
import platform
import sys
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any, Dict, Iterator

_PACKAGES = ("fast3dsam", "torch", "numpy", "SimpleITK", "vtk", "slicer-core")
# read when a process starts: oneDNN and torch, numpy's BLAS, ITK, VTK
_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS",
    "VTK_SMP_MAX_THREADS",
)


def machine() -> Dict[str, Any]:
    """Processor, cores that may be used, and versions of what computes."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "processor": processor_name(),
        "cores": usable,
        "system": platform.platform(terse=True),
        "Python": platform.python_version(),
        "packages": {name: version for name in _PACKAGES if (version := _version(name))},
    }


def machine_line() -> str:
    """The same in one line, with this process's threads."""
    import torch

    return f"{processor_name()}, {torch.get_num_threads()} threads, torch {torch.__version__}"


def processor_name() -> str:
    """The processor as its maker calls it."""
    listing = Path("/proc/cpuinfo")
    if listing.is_file():
        for line in listing.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def peak_memory_gb() -> float:
    """The most memory (GiB) that this process ever held; NaN where the system does not say."""
    status = Path("/proc/self/status")
    if status.is_file():  # getrusage would count what the parent process held as well
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 2**20
    try:
        import resource
    except ImportError:  # Windows
        return float("nan")
    scale = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale / 2**30


@contextmanager
def threads_of_children(count: int) -> Iterator[None]:
    """Processes that are started inside compute with `count` threads, whatever library they use."""
    before = {name: os.environ.get(name) for name in _THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(_THREAD_VARIABLES, str(count)))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""
