"""The picture of a benchmark: time over the volume's size, and the stages of one click stacked."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Sequence, Tuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from .benchmark import CLICK, FRAME, READY, WRITE, Cost

# Okabe and Ito's colours: distinct for colour-blind readers as well.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_STAGE_COLOURS = ("#0072B2", "#56B4E9", "#E69F00", "#009E73")
_SHORTEST = 5e-3  # seconds: whoever does nothing with a new volume does not stretch the picture
_LINES = ("-", "--", ":", "-.")


def draw_costs(costs: Sequence[Cost], machine: Dict[str, Any], path: Path) -> None:
    """Left: seconds until ready and per click over the voxels. Right: what a click of the first model is made of."""
    figure = Figure(figsize=(12, 5.6), layout="constrained")
    over_size, stacked = figure.subplots(1, 2, width_ratios=(1.25, 1))
    _draw_over_size(over_size, costs)
    _draw_stages(stacked, [c for c in costs if c.name == costs[0].name])
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    figure.suptitle(f"{machine['processor']}, {machine['cores']} cores; {packages}", fontsize=8)
    FigureCanvasAgg(figure).print_png(str(path))


def _draw_over_size(axes: Axes, costs: Sequence[Cost]) -> None:
    names = list(dict.fromkeys(cost.name for cost in costs))
    threads = sorted({cost.threads for cost in costs}, reverse=True)
    for name in names:
        for count in threads:
            rows = sorted((c for c in costs if (c.name, c.threads) == (name, count)), key=lambda c: np.prod(c.shape))
            if not rows:
                continue
            voxels = [np.prod(c.shape) / 1e6 for c in rows]
            style = {"color": _COLOURS[names.index(name) % 6], "linestyle": _LINES[threads.index(count) % 4]}
            for stage, marker, words in ((READY, "s", "volume ready"), (CLICK, "o", "click")):
                spread = [c.warm[stage] for c in rows]
                median = np.array([s.median for s in spread])
                errors = median - [s.low for s in spread], [s.high for s in spread] - median
                label = f"{name}, {count} thread{'s' if count > 1 else ''}: {words}"
                axes.errorbar(voxels, median, errors, marker=marker, capsize=3, markersize=5, label=label, **style)
    sizes = sorted({tuple(c.shape) for c in costs}, key=np.prod)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks(
        [np.prod(s) / 1e6 for s in sizes], ["x".join(map(str, s[::-1])) for s in sizes], fontsize=7, rotation=20
    )
    axes.minorticks_off()
    axes.set_xlabel("volume, voxels")
    axes.set_ylabel("seconds (median, bars 5-95 %)")
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_ylim(bottom=_SHORTEST)
    axes.legend(frameon=False, fontsize=7, loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=2)


def stages_of_a_click(cost: Cost) -> List[Tuple[str, float]]:
    """(stage, median seconds) that add up to the time from a click to its pixels, as far as they were measured."""
    click = cost.warm[CLICK].median
    decode = min(cost.warm["decode"].median, click) if "decode" in cost.warm else 0.0
    stages = [("decode", decode), ("rest of the session", click - decode)]
    return stages + [(name, cost.warm[name].median) for name in (WRITE, FRAME) if name in cost.warm]


def _draw_stages(axes: Axes, costs: Sequence[Cost]) -> None:
    rows = sorted(costs, key=lambda c: (-c.threads, np.prod(c.shape)))
    for place, cost in enumerate(rows):
        bottom = 0.0
        for number, (name, seconds) in enumerate(stages_of_a_click(cost)):
            label = name if place == 0 else None
            axes.bar(place, 1e3 * seconds, bottom=bottom, color=_STAGE_COLOURS[number], label=label, width=0.7)
            bottom += 1e3 * seconds
        axes.annotate(f"{bottom:.0f}", (place, bottom), ha="center", va="bottom", fontsize=8)
    labels = ["x".join(map(str, c.shape[::-1])) + f"\n{c.threads} thr." for c in rows]
    axes.set_xticks(range(len(rows)), labels, fontsize=7, rotation=45 if len(rows) > 4 else 0)
    axes.set_ylabel("ms, click to pixels (medians)")
    axes.set_title(rows[0].name, fontsize=10)
    axes.margins(y=0.15)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.24), ncols=2)
