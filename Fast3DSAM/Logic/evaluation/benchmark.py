"""What a click costs its user: every model, size of volume and number of threads in a process of its own.

A process of its own makes "cold" mean cold, and its peak memory that of the volume at hand.
"""

from __future__ import annotations

import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from typing import Any, Callable, Dict, List, Mapping, Sequence, Tuple

import numpy as np

from ..geometry import Box
from .contenders import Contender
from .machine import peak_memory_gb, threads_of_children

Kji = Tuple[int, int, int]
SIZES: Tuple[Kji, ...] = ((128, 128, 128), (256, 256, 256), (300, 512, 512), (600, 512, 512))
START, READY, FIRST, CLICK = "start", "ready", "first click", "click"
WRITE, FRAME = "MRML write", "rendered frame"


@dataclass(frozen=True)
class Spread:
    """Seconds of `count` repetitions: median, 5th and 95th percentile."""

    median: float
    low: float
    high: float
    count: int

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Spread:
        low, median, high = np.percentile(seconds, [5, 50, 95])
        return cls(float(median), float(low), float(high), len(seconds))

    def text(self, unit: float = 1e-3) -> str:
        """median (5-95 %) in `unit` seconds."""
        return " ".join([_number(self.median / unit), f"({_number(self.low / unit)}-{_number(self.high / unit)})"])


@dataclass(frozen=True)
class Task:
    """One process's work. `factory` makes the contender there; `seconds` limits each stage's repetitions."""

    factory: Callable[[], Contender]
    shape: Kji
    threads: int
    repeats: int = 5
    seconds: float = 20.0
    with_scene: bool = True


@dataclass(frozen=True)
class Cost:
    """One contender's figures for one size. `cold`: the first time ever in a new process; `warm`: afterwards.

    `cold[START]` is imports and weights. `peak_gb`: the most memory above the bare interpreter's, the volume's
    `volume_gb` in it, the scene and its views not. `left_out` says why there is no scene, or else is empty.
    """

    name: str
    shape: Kji
    threads: int
    cold: Mapping[str, float]
    warm: Mapping[str, Spread]
    volume_gb: float
    peak_gb: float
    left_out: str = ""

    def to_dict(self) -> Dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Failure:
    """A contender that could not be measured, and why."""

    name: str
    shape: Kji
    threads: int
    reason: str


def run(task: Task) -> Any:
    """`task` in a new process: `Cost`, or `Failure` where the system ended that process (no memory)."""
    with threads_of_children(task.threads):
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            try:
                return pool.submit(measure, task).result()
            except BrokenProcessPool:
                name = getattr(task.factory, "__name__", str(task.factory))
                return Failure(name, task.shape, task.threads, "its process was ended, most likely for want of memory")


def measure(task: Task) -> Cost:
    """The figures of `task`, taken in this process."""
    interpreter = peak_memory_gb()
    cold: Dict[str, float] = {}
    contender = _timed(cold, START, task.factory)
    voxels, centres = made_up_volume(task.shape)
    _timed(cold, READY, lambda: contender.open(voxels))
    _timed(cold, FIRST, lambda: contender.click(centres[13], True))
    seconds, answers = _use(contender, voxels, centres, task)
    peak = peak_memory_gb() - interpreter
    for name, stage in contender.stages().items():
        stage()
        seconds[name] = _repeated(stage, task)
    left_out = _show(voxels, answers, seconds, task) if task.with_scene else ""
    warm = {name: Spread.of(values) for name, values in seconds.items()}
    return Cost(contender.name, task.shape, task.threads, cold, warm, voxels.nbytes / 2**30, peak, left_out)


def made_up_volume(shape: Kji, radius: int = 14, seed: int = 0) -> Tuple[np.ndarray, np.ndarray]:
    """(voxels int16, centres (27, 3)): balls of `radius` voxels in noise; the same in any size of volume."""
    rng = np.random.default_rng(seed)
    voxels = np.empty(shape, np.int16)
    for plane in voxels:  # slice by slice: the noise of a whole volume would need four times the volume
        plane[:] = 20 * rng.standard_normal(plane.shape, np.float32)
    middle = np.asarray(shape) // 2
    steps = 3 * radius * (np.indices((3, 3, 3)).reshape(3, -1).T - 1)
    ball = np.square(np.indices((2 * radius + 1,) * 3) - radius).sum(0) <= radius**2
    for centre in middle + steps:
        voxels[tuple(slice(c - radius, c + radius + 1) for c in centre)][ball] += 120
    return voxels, middle + steps


def _use(
    contender: Contender, voxels: np.ndarray, centres: np.ndarray, task: Task
) -> Tuple[Dict[str, List[float]], List[Tuple[Box, np.ndarray]]]:
    """Opens the volume again and again, each time a little changed so that nothing is remembered, then clicks balls:
    `FIRST` is each ball's first click after opening, `CLICK` all clicks where the model has been before."""
    seconds: Dict[str, List[float]] = {READY: [], FIRST: [], CLICK: []}
    begun = time.perf_counter()
    for _ in range(task.repeats):
        voxels[0, 0, 0] += 1
        seconds[READY].append(_seconds(lambda: contender.open(voxels)))
        seconds[FIRST].append(_seconds(lambda: contender.click(centres[13], True)))
        if time.perf_counter() - begun > task.seconds:
            break
    answers: List[Tuple[Box, np.ndarray]] = []
    begun = time.perf_counter()
    for number in range(task.repeats):
        for centre in centres[9:18]:
            contender.reset()
            offsets = np.random.default_rng(number).uniform(-4, 4, (3, 3))
            if not number:  # the model looks at this ball for the first time: not a repetition of anything
                contender.click(centre, True)
                contender.reset()
            for offset in offsets:
                place = tuple((centre + offset).tolist())
                seconds[CLICK].append(_seconds(lambda place=place: answers.append(contender.click(place, True))))
            del answers[:-3]
            if time.perf_counter() - begun > task.seconds:
                return seconds, answers
    return seconds, answers


def _show(voxels: np.ndarray, answers: Sequence, seconds: Dict[str, List[float]], task: Task) -> str:
    """Times the way of masks into a MRML segment and onto a slice view; says why where that cannot be done."""
    try:
        from ..mrml.shown import ShownVolume
    except ImportError as error:
        return f"the MRML stages need slicer-core ({error})"
    shown = ShownVolume(voxels)
    seconds[WRITE], seconds[FRAME] = [], []
    for number in range(1 + 4 * task.repeats):
        box, mask = answers[number % len(answers)]
        written = _seconds(lambda box=box, mask=mask: shown.write(box, mask))
        drawn = _seconds(lambda box=box: shown.draw(box))
        if number:  # the first one makes segment, view and textures
            seconds[WRITE].append(written)
            seconds[FRAME].append(drawn)
    shown.close()
    return ""


def _repeated(stage: Callable[[], object], task: Task) -> List[float]:
    """At least one repetition, four times `repeats` where they fit into the time."""
    found: List[float] = []
    begun = time.perf_counter()
    while not found or (len(found) < 4 * task.repeats and time.perf_counter() - begun < task.seconds / 2):
        found.append(_seconds(stage))
    return found


def _timed(seconds: Dict[str, float], name: str, call: Callable[[], Any]) -> Any:
    begun = time.perf_counter()
    result = call()
    seconds[name] = time.perf_counter() - begun
    return result


def _seconds(call: Callable[[], object]) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2g}"
