"""Run methods over cases: `evaluate_cases` is what the command line, the panel and the trainer call."""

from __future__ import annotations

import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import partial
from multiprocessing import get_context
from typing import Callable, Iterable, List, Optional, Sequence, Tuple

from ..errors import Fast3DSAMError
from .datasets import Case, Target
from .pairs import LabelledVolume, read_pair
from .paper_tests import RANDOM_CLICKS, SLICE_CLICKS, random_click_test, slice_click_test
from .protocol import CLICKS, Run, click_test
from .results import CaseResult, EvaluationResult
from .segmenters import Segmenter
from .targets import MAX_TARGETS_PER_CASE, MIN_VOXELS, choose_targets

TESTS = {"protocol": CLICKS, "random": RANDOM_CLICKS, "slices": SLICE_CLICKS}
"""Name of each test and its number of clicks (random: of each kind)."""


@dataclass(frozen=True)
class Settings:
    """What is run. `test`: "protocol" (the click protocol), "random" or "slices" (the paper's two).

    `clicks` 0 means the test's own number. `box`: a box prompt as step 0 (protocol only). `own_clicks`: each method is
    clicked on its own errors, instead of all methods on the first one's. `max_targets` 0 means no limit.
    """

    test: str = "protocol"
    clicks: int = 0
    box: bool = False
    own_clicks: bool = False
    min_voxels: int = MIN_VOXELS
    max_targets: int = MAX_TARGETS_PER_CASE

    def __post_init__(self) -> None:
        if self.test not in TESTS:
            raise ValueError(f"There is no test {self.test!r}; choose one of {', '.join(TESTS)}.")
        if self.clicks < 0 or self.min_voxels < 1 or self.max_targets < 0:
            raise ValueError(f"Clicks and limits must not be negative, min_voxels at least 1; these came: {self}.")
        if self.box and self.test != "protocol":
            raise ValueError(f"The box prompt belongs to the click protocol; leave it out for the test {self.test!r}.")
        if not self.clicks:
            object.__setattr__(self, "clicks", TESTS[self.test])


def evaluate_cases(
    cases: Sequence[Case],
    segmenters: Sequence[Segmenter],
    settings: Optional[Settings] = None,
    on_case: Optional[Callable[[CaseResult], None]] = None,
    remarks: Tuple[str, ...] = (),
) -> EvaluationResult:
    """All `segmenters` on all targets of `cases`, one after the other; `on_case` is told of each case when it is done.

    A case that cannot be read or started is left out and named in `EvaluationResult.left_out`.
    """
    settings = settings or Settings()
    results = (evaluate_case(case, segmenters, settings) for case in cases)
    return _collected(results, tuple(s.name for s in segmenters), settings, on_case, remarks)


def evaluate_cases_in_processes(
    cases: Sequence[Case],
    make_segmenters: Callable[[], List[Segmenter]],
    jobs: int,
    settings: Optional[Settings] = None,
    on_case: Optional[Callable[[CaseResult], None]] = None,
    remarks: Tuple[str, ...] = (),
) -> EvaluationResult:
    """The same with cases spread over `jobs` processes, each with its own segmenters; results are in the cases' order.

    `make_segmenters` must be picklable. Seconds are then those of a shared machine.
    """
    settings = settings or Settings()
    work = partial(_evaluate_in_worker, settings=settings)
    # "spawn": a forked torch or VTK may hang.
    with ProcessPoolExecutor(jobs, get_context("spawn"), _start_worker, (make_segmenters,)) as pool:
        methods = pool.submit(_names_in_worker).result()
        return _collected(pool.map(work, cases), methods, settings, on_case, remarks)


def evaluate_case(case: Case, segmenters: Sequence[Segmenter], settings: Settings) -> CaseResult:
    """All `segmenters` on all targets of one case."""
    try:
        volume = read_pair(case.image_path, case.label_path)
        choice = choose_targets(case, volume.labels, settings.min_voxels, settings.max_targets)
        result = CaseResult(case.id, (), choice.too_small, choice.beyond_limit)
        if not choice.targets:
            return result
        seconds_once = [_started(segmenter, volume) for segmenter in segmenters]
    except Fast3DSAMError as error:
        return CaseResult(case.id, problem=str(error))
    rows = [row for t in choice.targets for row in _evaluate_target(t, volume, segmenters, seconds_once, settings)]
    return replace(result, rows=tuple(rows))


def _started(segmenter: Segmenter, volume: LabelledVolume) -> float:
    begin = time.perf_counter()
    segmenter.start(volume.voxels, volume.geometry)
    return time.perf_counter() - begin


def _evaluate_target(
    target: Target, volume: LabelledVolume, segmenters: Sequence[Segmenter], seconds_once: Sequence[float], s: Settings
):
    reference = volume.labels == target.value
    runs = [Run(segmenter, reference, volume.geometry.spacing) for segmenter in segmenters]
    if s.test == "protocol":
        click_test(runs, s.clicks, s.box, s.own_clicks)
    elif s.test == "random":
        random_click_test(runs, s.clicks)
    else:
        slice_click_test(runs, s.clicks, s.own_clicks)
    return [run.result(target, seconds) for run, seconds in zip(runs, seconds_once)]


def _collected(
    results: Iterable[CaseResult],
    methods: Tuple[str, ...],
    settings: Settings,
    on_case: Optional[Callable[[CaseResult], None]],
    remarks: Tuple[str, ...],
) -> EvaluationResult:
    cases = []
    for result in results:
        cases.append(result)
        if on_case is not None:
            on_case(result)
    return EvaluationResult(settings.test, methods, tuple(cases), tuple(asdict(settings).items()), remarks)


_segmenters_of_worker: List[Segmenter] = []


def _start_worker(make_segmenters: Callable[[], List[Segmenter]]) -> None:
    _segmenters_of_worker[:] = make_segmenters()


def _names_in_worker() -> Tuple[str, ...]:
    return tuple(s.name for s in _segmenters_of_worker)


def _evaluate_in_worker(case: Case, settings: Settings) -> CaseResult:
    return evaluate_case(case, _segmenters_of_worker, settings)
