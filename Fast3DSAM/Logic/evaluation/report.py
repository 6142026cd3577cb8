"""An evaluation as a table on screen, JSON, and CSV with a row per target."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Dict, List, Optional

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from .results import CaseResult, EvaluationResult, Mean, TargetResult

NOC_DSC = (0.8, 0.85, 0.9)
_COLUMNS = {
    "DSC_AUC": lambda r: r.dsc_auc,
    "NSD_AUC": lambda r: r.nsd_auc,
    "DSC": lambda r: r.final_dsc,
    "NSD": lambda r: r.final_nsd,
    "s/click": lambda r: r.seconds_per_click,
    "s once": lambda r: r.seconds_once,
}


def columns(test: str) -> Dict:
    """Figures of a test: name -> value of a `TargetResult`. The random clicks are one step, which has no curve."""
    return {n: f for n, f in _COLUMNS.items() if test != "random" or not n.endswith("AUC")}


def print_case(console: Console, case: CaseResult, test: str) -> None:
    """One line per method and target."""
    for row in case.rows:
        values = "  ".join(f"{name} {function(row):.2f}" for name, function in columns(test).items())
        _line(console, f"{row.target.case.id}  {row.target.name}  {row.method:15}  {values}")
    if case.problem:
        _line(console, f"{case.case_id} left out: {case.problem}", "yellow")


def print_summary(console: Console, result: EvaluationResult) -> None:
    """Means with standard deviations per method, Dice after each click, and what was left out."""
    targets = len(result.rows) // max(1, len(result.methods))
    done = sum(1 for case in result.cases if case.rows)
    title = f"{result.test} test: mean ± standard deviation over {targets} targets of {done} cases"
    table = Table(title=title, box=SIMPLE_HEAD, padding=(0, 0, 0, 1))
    table.add_column("method", no_wrap=True)
    for name in columns(result.test):
        table.add_column(name, justify="right", no_wrap=True)
    for method in result.methods:
        means = {name: result.mean(method, function) for name, function in columns(result.test).items()}
        table.add_row(method, *[_cell(name, mean) for name, mean in means.items()])
    console.print(table)
    for method in result.methods:
        curve = result.curves(method).mean(axis=0) if result.rows_of(method) else []
        _line(console, f"Dice after each step, {method}: " + " ".join(f"{v:.2f}" for v in curve))
    if result.test == "slices":
        for method in result.methods:
            reached = ", ".join(f"{dsc}: {_reached(result, method, dsc)}" for dsc in NOC_DSC)
            _line(console, f"Clicks until Dice, {method}: {reached}")
    for line in result.left_out:
        _line(console, f"Left out: {line}", "yellow")


def _line(console: Console, text: str, style: Optional[str] = None) -> None:
    """One line, in a file or pipe as well; names of labels are no markup."""
    console.print(text, style=style, highlight=False, markup=False, soft_wrap=True)


def _cell(name: str, mean: Mean) -> str:
    """Without the spread of seconds, so that the table fits a terminal of 80 columns."""
    return f"{mean.mean:.2f}" if name.startswith("s") else f"{mean.mean:.2f}±{mean.std:.2f}"


def _reached(result: EvaluationResult, method: str, dsc: float) -> str:
    """Mean number of clicks among the targets that reached `dsc`, and their share."""
    numbers = [row.clicks_until(dsc) for row in result.rows_of(method)]
    reached = [n for n in numbers if n is not None]
    return f"{sum(reached) / len(reached):.1f} ({len(reached)} of {len(numbers)} targets)" if reached else "never"


def write_csv(result: EvaluationResult, path: Path) -> None:
    """A row per method and target; DSC and NSD after each step in columns DSC_1, NSD_1, ..."""
    steps = max((len(row.steps) for row in result.rows), default=0)
    rows = [_flat(row, steps) for row in result.rows]
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(_flat_header(steps)))
        writer.writeheader()
        writer.writerows(rows)


def write_json(result: EvaluationResult, path: Path) -> None:
    """Settings, summary, left-out notes, and every step with its clicks, (k, j, i)."""
    summary = {}
    for method in result.methods:
        means = {name: result.mean(method, f) for name, f in _COLUMNS.items()}
        summary[method] = {name: {"mean": _finite(m.mean), "std": _finite(m.std)} for name, m in means.items()}
        curve = result.curves(method)
        summary[method]["DSC after each step"] = curve.mean(axis=0).tolist() if len(curve) else []
    document = {
        "test": result.test,
        "settings": dict(result.settings),
        "methods": list(result.methods),
        "targets": len(result.rows) // max(1, len(result.methods)),
        "summary": summary,
        "left_out": list(result.left_out),
        "rows": [_nested(row) for row in result.rows],
    }
    Path(path).write_text(json.dumps(document, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def _flat_header(steps: int) -> List[str]:
    each = [f"{kind}_{n}" for n in range(1, steps + 1) for kind in ("DSC", "NSD")]
    return ["case", "label", "name", "voxels", "method", *_COLUMNS, "DSC_box", "NSD_box", *each]


def _flat(row: TargetResult, steps: int) -> Dict[str, object]:
    values: Dict[str, object] = {
        "case": row.target.case.id,
        "label": row.target.value,
        "name": row.target.name,
        "voxels": row.target.voxels,
        "method": row.method,
    }
    values.update({name: _rounded(function(row)) for name, function in _COLUMNS.items()})
    if row.box_step is not None:
        values.update(DSC_box=_rounded(row.box_step.dsc), NSD_box=_rounded(row.box_step.nsd))
    for n, step in enumerate(row.steps[:steps], 1):
        values.update({f"DSC_{n}": _rounded(step.dsc), f"NSD_{n}": _rounded(step.nsd)})
    return values


def _nested(row: TargetResult) -> Dict[str, object]:
    def step(s):
        clicks = [{"position": list(c.position), "positive": c.positive} for c in s.clicks]
        return {"clicks": clicks, "DSC": s.dsc, "NSD": s.nsd, "seconds": s.seconds}

    return {
        "case": row.target.case.id,
        "label": row.target.value,
        "name": row.target.name,
        "voxels": row.target.voxels,
        "method": row.method,
        "image": str(row.target.case.image_path),
        **{name: _finite(function(row)) for name, function in _COLUMNS.items()},
        "box": None if row.box_step is None else step(row.box_step),
        "steps": [step(s) for s in row.steps],
    }


def _finite(value: float) -> Optional[float]:
    """JSON has no NaN."""
    return float(value) if math.isfinite(value) else None


def _rounded(value: float) -> object:
    return round(value, 6) if math.isfinite(value) else ""
