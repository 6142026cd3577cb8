"""What an evaluation yields: frozen values, from one step up to all methods."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Callable, Optional, Tuple

import numpy as np

from ..prompts import MaskPrompt
from .click_simulation import Click
from .datasets import Target
from .metrics import area_under_curve


@dataclass(frozen=True)
class Step:
    """State after a prompt: `clicks` are those added in it, none for a box or where no error was left to click on."""

    clicks: Tuple[Click, ...]
    dsc: float
    nsd: float
    seconds: float


@dataclass(frozen=True)
class TargetResult:
    """One method on one target. `seconds_once` is spent once per volume, before the first click."""

    method: str
    target: Target
    steps: Tuple[Step, ...]
    seconds_once: float
    box_step: Optional[Step] = None
    final_mask: Optional[MaskPrompt] = field(default=None, repr=False)

    @property
    def dsc_auc(self) -> float:
        """Trapezoid of DSC over the steps, dx = 1; at most 4 for five steps."""
        return area_under_curve([s.dsc for s in self.steps])

    @property
    def nsd_auc(self) -> float:
        """Trapezoid of NSD over the steps, dx = 1; at most 4 for five steps."""
        return area_under_curve([s.nsd for s in self.steps])

    @property
    def final_dsc(self) -> float:
        return self.steps[-1].dsc

    @property
    def final_nsd(self) -> float:
        return self.steps[-1].nsd

    @property
    def seconds_per_click(self) -> float:
        """Mean over the steps that had a click; NaN where none had."""
        spent = [s.seconds / len(s.clicks) for s in self.steps if s.clicks]
        return float(np.mean(spent)) if spent else float("nan")

    def clicks_until(self, dsc: float) -> Optional[int]:
        """Number of clicks after which `dsc` was first reached; `None` if it never was."""
        return next((n for n, s in enumerate(self.steps, 1) if s.dsc >= dsc), None)


@dataclass(frozen=True)
class CaseResult:
    """All methods on all targets of one case; `problem` says why a case could not be evaluated."""

    case_id: str
    rows: Tuple[TargetResult, ...] = ()
    too_small: int = 0
    beyond_limit: int = 0
    problem: Optional[str] = None


@dataclass(frozen=True)
class Mean:
    """Mean and standard deviation (of the sample) over targets, without NaN."""

    mean: float
    std: float

    @classmethod
    def of(cls, values) -> Mean:
        array = np.asarray([v for v in values if np.isfinite(v)], dtype=np.float64)
        if not array.size:
            return cls(float("nan"), float("nan"))
        return cls(float(array.mean()), float(array.std(ddof=1)) if array.size > 1 else 0.0)


@dataclass(frozen=True)
class EvaluationResult:
    """Everything that was measured. `methods` is in order; the first one's errors place the clicks for all of them."""

    test: str
    methods: Tuple[str, ...]
    cases: Tuple[CaseResult, ...]
    settings: Tuple[Tuple[str, object], ...] = ()
    remarks: Tuple[str, ...] = ()

    @property
    def rows(self) -> Tuple[TargetResult, ...]:
        return tuple(row for case in self.cases for row in case.rows)

    def rows_of(self, method: str) -> Tuple[TargetResult, ...]:
        return tuple(row for row in self.rows if row.method == method)

    def mean(self, method: str, value: Callable[[TargetResult], float]) -> Mean:
        """Mean of `value` over the targets of `method`, for example `lambda row: row.dsc_auc`."""
        return Mean.of([value(row) for row in self.rows_of(method)])

    def curves(self, method: str) -> np.ndarray:
        """DSC, (targets, steps); a target that ended early keeps its last value."""
        steps = max((len(row.steps) for row in self.rows_of(method)), default=0)
        curves = [[s.dsc for s in r.steps] + [r.final_dsc] * (steps - len(r.steps)) for r in self.rows_of(method)]
        return np.array(curves, dtype=np.float64).reshape(-1, steps)

    @property
    def left_out(self) -> Tuple[str, ...]:
        """One sentence per kind of thing that was not evaluated."""
        small = sum(case.too_small for case in self.cases)
        beyond = sum(case.beyond_limit for case in self.cases)
        lines = list(self.remarks)
        if small:
            lines.append(f"{small} labels with fewer voxels than --min-voxels")
        if beyond:
            lines.append(f"{beyond} labels beyond --max-targets-per-case, drawn at random")
        lines += [f"case {case.case_id}: {case.problem}" for case in self.cases if case.problem]
        return tuple(lines)
