"""Pictures of an evaluation: Dice over clicks with its spread, and a sheet of best, median and worst cases."""

from __future__ import annotations

from pathlib import Path
from typing import List, Tuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ..geometry import Box, paste
from ..planes import Plane, planes_through
from .pairs import LabelledVolume, read_pair
from .results import EvaluationResult, TargetResult

# Okabe and Ito's colours: distinct for colour-blind readers as well.
_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")
_REFERENCE, _PREDICTION, _POSITIVE, _NEGATIVE = "#00E5FF", "#FFC400", "#39FF6A", "#FF4D4D"


def draw_curves(result: EvaluationResult, path: Path) -> None:
    """Median Dice after each click per method, with the band between the quartiles."""
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.add_subplot()
    steps = max((len(row.steps) for row in result.rows), default=1)
    for place, method in enumerate(result.methods, 1):
        curves = result.curves(method)
        if not len(curves):
            continue
        colour = _COLOURS[(place - 1) % len(_COLOURS)]
        low, median, high = np.percentile(curves, (25, 50, 75), axis=0)
        label = f"{method}: median {median[-1]:.2f}, mean {curves[:, -1].mean():.2f} at the end"
        if steps == 1:
            axes.errorbar([place], median, [median - low, high - median], fmt="o", color=colour, label=label, capsize=6)
            continue
        clicks = np.arange(1, curves.shape[1] + 1)
        axes.fill_between(clicks, low, high, color=colour, alpha=0.15, linewidth=0)
        axes.plot(clicks, median, "o-" if steps <= 10 else "-", color=colour, label=label)
    if steps == 1:
        axes.set_xticks(range(1, len(result.methods) + 1), result.methods)
        axes.set_xlim(0.5, len(result.methods) + 0.5)
    else:
        axes.set_xticks([1, *range(5, steps + 1, 5)] if steps > 10 else range(1, steps + 1))
        axes.set_xlabel("clicks")
    axes.set_ylim(0, 1)
    axes.set_ylabel("Dice (median, band: quartiles)")
    axes.set_title(f"{result.test} test, {len(result.rows) // max(1, len(result.methods))} targets", fontsize=11)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8, loc="lower right")
    _save(figure, path)


def draw_sheet(result: EvaluationResult, path: Path) -> None:
    """The first method's best, median and worst targets by final Dice: three planes each, outlines and clicks.

    Raises `ValueError` for a result without rows.
    """
    chosen = best_median_worst(result)
    if not chosen:
        raise ValueError(f"The result of {len(result.cases)} cases has no target to draw; evaluate at least one.")
    figure = Figure(figsize=(10, 3.7 * len(chosen) + 0.4), layout="constrained")
    *parts, foot = figure.subfigures(len(chosen) + 1, 1, height_ratios=[3.7] * len(chosen) + [0.4])
    for part, (word, row) in zip(parts, chosen):
        volume = read_pair(row.target.case.image_path, row.target.case.label_path)
        _draw_target(part.subplots(1, 3), volume, row)
        clicks = sum(len(step.clicks) for step in row.steps)
        title = f"{word}: {row.target.case.id}, {row.target.name}. Dice {row.final_dsc:.2f} after {clicks} clicks"
        part.suptitle(title, x=0.01, ha="left", fontsize=10, fontweight="bold")
    handles = [
        Line2D([], [], color=_REFERENCE, label="reference"),
        Line2D([], [], color=_PREDICTION, label=result.methods[0]),
        Line2D([], [], color=_POSITIVE, marker="P", linestyle="", label="foreground click"),
        Line2D([], [], color=_NEGATIVE, marker="X", linestyle="", label="background click (pale: in another slice)"),
    ]
    foot.legend(handles=handles, ncol=4, loc="center", facecolor="#303030", fontsize=9, labelcolor="white")
    _save(figure, path)


def best_median_worst(result: EvaluationResult) -> List[Tuple[str, TargetResult]]:
    """Of the first method's rows, without naming one twice."""
    rows = result.rows_of(result.methods[0]) if result.methods else ()
    ordered = sorted(rows, key=lambda r: (-r.final_dsc, -r.dsc_auc, r.target.case.id, r.target.value))
    places = {"best": 0, "median": len(ordered) // 2, "worst": len(ordered) - 1}
    named: List[Tuple[str, TargetResult]] = []
    for word, place in places.items():
        if ordered and all(ordered[place] is not row for _, row in named):
            named.append((word, ordered[place]))
    return named


def _draw_target(line, volume: LabelledVolume, row: TargetResult) -> None:
    reference = volume.labels == row.target.value
    whole = Box((0, 0, 0), reference.shape)
    final = row.final_mask
    prediction = np.zeros(reference.shape, bool) if final is None else paste(final.array(), final.box, whole)
    # Of each axis the slice with most of the reference; the middle of a curved object may be empty.
    centre = [int(np.argmax(reference.sum(axis=tuple(a for a in range(3) if a != axis)))) for axis in range(3)]
    box = Box.of_mask(reference)
    low, high = np.percentile(volume.voxels[box.padded(3).intersection(whole).slices], (2, 98))
    margin = 0.25 * max(float(high - low), 1e-6)
    # A good deal wider than the object, so that spilling predictions are seen.
    half = max(0.8 * float(np.max(np.array(box.shape) * volume.geometry.spacing)), 15.0)
    middle = (np.array(box.lo) + box.hi - 1) / 2
    for axes, plane in zip(line, planes_through(reference.shape, volume.geometry, centre)):
        grey = plane.cut(volume.voxels)
        axes.imshow(grey, cmap="gray", vmin=low - margin, vmax=high + margin, extent=plane.extent)
        _draw_outline(axes, plane, reference, _REFERENCE)
        _draw_outline(axes, plane, prediction, _PREDICTION)
        _draw_clicks(axes, plane, row)
        x, y, _ = plane.place(middle)
        left, right, bottom, top = plane.extent
        axes.set(xlim=(max(left, x - half), min(right, x + half)), ylim=(min(bottom, y + half), max(top, y - half)))
        axes.set(xticks=[], yticks=[], facecolor="black")
        axes.set_xlabel(f"{plane.name}, slice {plane.index}", fontsize=8)


def _draw_outline(axes: Axes, plane: Plane, mask: np.ndarray, colour: str) -> None:
    cut = plane.cut(mask)
    if cut.any():
        padded = np.pad(cut, 1).astype(np.float32)  # so that an outline closes at the border of the volume
        x = np.arange(-1, cut.shape[1] + 1) * plane.spacing[1]
        y = np.arange(-1, cut.shape[0] + 1) * plane.spacing[2]
        axes.contour(x, y, padded, levels=[0.5], colors=[colour], linewidths=1.3)


def _draw_clicks(axes: Axes, plane: Plane, row: TargetResult) -> None:
    for click in (click for step in row.steps for click in step.clicks):
        x, y, distance = plane.place(click.position)
        here = distance <= plane.spacing[0]
        axes.plot(
            x,
            y,
            "P" if click.positive else "X",
            color=_POSITIVE if click.positive else _NEGATIVE,
            markeredgecolor="black",
            markersize=9 if here else 6,
            alpha=1.0 if here else 0.45,
            zorder=3,
        )


def _save(figure: Figure, path: Path) -> None:
    FigureCanvasAgg(figure).print_figure(str(path), dpi=130)
