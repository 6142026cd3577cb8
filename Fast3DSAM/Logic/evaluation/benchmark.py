"""What a session costs: seconds until ready, seconds per click, peak memory, over volumes of growing size."""

from __future__ import annotations

import platform
import resource
import sys
import time
from dataclasses import asdict, dataclass
from typing import Callable, Dict, List, Sequence, Tuple

import numpy as np

from ..session import InteractiveSession

SIZES = ((128, 128, 128), (256, 256, 256), (300, 512, 512))


@dataclass(frozen=True)
class SessionCost:
    """One volume's figures; `clicks` are seconds of clicks on embedded tiles, `first` those that embed tiles first."""

    shape: Tuple[int, int, int]
    ready: float
    first: Tuple[float, ...]
    clicks: Tuple[float, ...]
    undo: float
    peak_gb: float

    def summary(self) -> Dict[str, float]:
        """Medians, with the 5th and 95th percentile of the clicks."""
        low, median, high = np.percentile(self.clicks, [5, 50, 95])
        return {
            **asdict(self),
            "median": median,
            "low": low,
            "high": high,
            "first_median": float(np.median(self.first)),
        }


def made_up_volume(shape: Tuple[int, int, int], radius: int = 14, seed: int = 0) -> Tuple[np.ndarray, np.ndarray]:
    """(voxels int16, centres (27, 3)): balls of `radius` voxels in noise; the same in any size of volume."""
    rng = np.random.default_rng(seed)
    voxels = np.empty(shape, np.int16)
    for plane in voxels:  # slice by slice: the noise of a whole volume would need four times the volume
        plane[:] = rng.normal(0, 20, plane.shape)
    middle = np.asarray(shape) // 2
    steps = 3 * radius * (np.indices((3, 3, 3)).reshape(3, -1).T - 1)
    ball = np.square(np.indices((2 * radius + 1,) * 3) - radius).sum(0) <= radius**2
    for centre in middle + steps:
        voxels[tuple(slice(c - radius, c + radius + 1) for c in centre)][ball] += 120
    return voxels, middle + steps


def measure(session: InteractiveSession, shape: Tuple[int, int, int], repeats: int = 3) -> SessionCost:
    """Embeds a made-up volume of 1 mm voxels and clicks `repeats` rounds of three clicks on each of nine balls."""
    voxels, centres = made_up_volume(shape)
    ready = session.set_volume(voxels, spacing=(1.0, 1.0, 1.0))
    first: List[float] = []
    clicks: List[float] = []
    for number in range(repeats):
        for centre in centres[9:18]:
            session.reset()
            offsets = np.random.default_rng(number).uniform(-4, 4, (3, 3))
            seconds = [session.add_point(tuple(centre + offset)).seconds for offset in offsets]
            (clicks if number else first).extend(seconds)
    begun = time.perf_counter()
    session.undo()
    undo = time.perf_counter() - begun
    session.clear_volume()
    return SessionCost(shape, ready, tuple(first), tuple(clicks), undo, peak_memory_gb())


def peak_memory_gb() -> float:
    """The most memory that this process ever held."""
    scale = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale / 2**30


def benchmark_sessions(
    make_session: Callable[[], InteractiveSession],
    sizes: Sequence[Tuple[int, int, int]] = SIZES,
    progress: Callable[[str], None] = lambda text: None,
) -> List[SessionCost]:
    """`SessionCost` of every size, from small to large so that the peak memory is that of the size itself."""
    costs = []
    for shape in sorted(sizes, key=np.prod):
        progress(" x ".join(map(str, shape)))
        costs.append(measure(make_session(), shape))
    return costs


def machine() -> str:
    """One line about where the figures come from."""
    import torch

    return f"{platform.processor() or platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}"
