"""A picture of a segment: three planes through a click, the contour, the clicks. Reads three slices of the volume."""

from __future__ import annotations

from pathlib import Path
from typing import Any, List, Optional, Sequence, Tuple, Union

import numpy as np

from .errors import InvalidPromptError, MissingDependencyError, VolumeFileError
from .geometry import VolumeGeometry
from .planes import Plane, planes_through

Rectangle = Tuple[float, float, float, float]  # left, right, bottom, top in millimetres, y downwards

SUFFIXES = (".png", ".svg", ".pdf")
PAPER, EDGE, TEXT, FAINT = "#101418", "#2b333b", "#e6edf3", "#9fb0bf"
CONTOUR, POSITIVE, NEGATIVE = "#ffb703", "#3ddc84", "#ff5c5c"
# Inches: height of the tallest plane, space between planes and around them, head with the title, foot with the caption.
ROW, GAP, HEAD, FOOT = 4.4, 0.18, 0.62, 0.5
# The windows that a radiologist would choose in a CT, in Hounsfield units.
LUNG, SOFT_TISSUE, BONE = (-1350.0, 150.0), (-160.0, 240.0), (-450.0, 1050.0)


def draw_planes(
    voxels: np.ndarray,
    geometry: VolumeGeometry,
    mask: Optional[np.ndarray],
    foreground: Sequence[Sequence[float]],
    background: Sequence[Sequence[float]],
    path: Union[str, Path],
    title: str = "",
    caption: str = "",
) -> None:
    """Draw the three planes through the first click to an image file with one of `SUFFIXES`.

    `voxels` and the boolean `mask` are (k, j, i); clicks are (k, j, i) positions; a click on another slice is hollow.
    Raises `InvalidPromptError` without any click and `VolumeFileError` where the file cannot be written.
    """
    check_picture_path(path)
    clicks = [(position, POSITIVE, "o") for position in foreground]
    clicks += [(position, NEGATIVE, "X") for position in background]
    if not clicks:
        raise InvalidPromptError("A picture shows the planes through a click, and there is none; give one click.")
    planes = planes_through(voxels.shape, geometry, clicks[0][0])
    slices = [plane.cut(voxels) for plane in planes]
    contours = [None if mask is None else plane.cut(mask) for plane in planes]
    places = [[plane.place(position) for position, _, _ in clicks] for plane in planes]
    views = _views(planes, contours, places)
    window = _grey_window(slices, contours, slices[0][_pixel(planes[0], places[0][0])])

    narrowest = min(right - left for left, right, _, _ in views)
    bar = max((length for length in (1, 2, 5, 10, 20, 50, 100, 200) if length <= narrowest / 3), default=1)
    figure, cells = _figure(views)
    for plane, view, axes, grey, contour, spots in zip(planes, views, cells, slices, contours, places):
        axes.imshow(grey, cmap="gray", vmin=window[0], vmax=window[1], extent=plane.extent, interpolation="bicubic")
        if contour is not None and contour.any():
            _draw_contour(axes, plane, contour)
        for (x, y, distance), (_, colour, marker) in zip(spots, clicks):
            solid = distance <= plane.spacing[0] / 2
            style = {"markersize": 10, "markerfacecolor": colour, "markeredgecolor": "black"}
            hollow = {"markersize": 7, "markerfacecolor": "none", "markeredgecolor": colour}
            axes.plot(x, y, marker, zorder=3, **(style if solid else hollow))
        axes.set(xlim=view[:2], ylim=view[2:])
        _draw_labels(axes, plane, view, bar)
    height = figure.get_figheight()
    margin = GAP / figure.get_figwidth()
    figure.text(margin, 1 - HEAD / 2 / height, title, color=TEXT, fontsize=15, weight="bold", va="center")
    figure.text(margin, FOOT / 2 / height, caption, color=FAINT, fontsize=11, va="center")
    try:
        figure.savefig(path, dpi=130, facecolor=PAPER)
    except OSError as error:
        raise VolumeFileError(f"The picture {str(path)!r} cannot be written ({error}); choose another file.") from error


def check_picture_path(path: Union[str, Path]) -> None:
    """Raises `VolumeFileError` now for a file that `draw_planes` could not write later."""
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise VolumeFileError(f"{str(path)!r} is no format for a picture; end it in one of {', '.join(SUFFIXES)}.")
    if not path.parent.is_dir():
        raise VolumeFileError(f"The folder of the picture {str(path)!r} does not exist; make it or choose another one.")


def _views(planes: Sequence[Plane], contours: Sequence, places: Sequence[Sequence]) -> List[Rectangle]:
    """The part of each plane to show: segment and clicks with room around them, or all of it without a segment."""
    spans = []
    for plane, contour, spots in zip(planes, contours, places):
        points = np.array([spot[:2] for spot in spots])
        if contour is not None and contour.any():
            rows, columns = np.nonzero(contour)
            corners = np.array([(columns.min(), rows.min()), (columns.max(), rows.max())])
            points = np.vstack([points, corners * plane.spacing[1:]])
        spans.append((points.min(axis=0), points.max(axis=0)))
    empty = not any(contour is not None and contour.any() for contour in contours)
    size = np.inf if empty else max(120.0, 1.7 * max((hi - lo).max() for lo, hi in spans))
    views = []
    for plane, (lo, hi) in zip(planes, spans):
        left, right, bottom, top = plane.extent
        (x0, x1), (y0, y1) = (
            _inside(centre, size, *limits) for centre, limits in zip((lo + hi) / 2, ((left, right), (top, bottom)))
        )
        views.append((x0, x1, y1, y0))
    return views


def _inside(centre: float, size: float, low: float, high: float) -> Tuple[float, float]:
    size = min(size, high - low)
    start = float(np.clip(centre - size / 2, low, high - size))
    return start, start + size


def _grey_window(slices: Sequence[np.ndarray], contours: Sequence, clicked: float) -> Tuple[float, float]:
    """Grey range: in a CT the usual window of the tissue that was clicked, else percentiles without the empty air."""
    values = np.concatenate([grey[np.isfinite(grey)].ravel() for grey in slices]).astype(np.float64)
    if not values.size:
        return 0.0, 1.0
    low, high = np.percentile(values, (1, 99.5))
    if low < -500 and high > 100:
        inside = [grey[contour] for grey, contour in zip(slices, contours) if contour is not None]
        tissue = float(np.median(np.concatenate(inside))) if any(part.size for part in inside) else float(clicked)
        return LUNG if tissue < -300 else BONE if tissue > 250 else SOFT_TISSUE
    body = values[values > low + 0.05 * (high - low)]
    if body.size:
        low, high = min(low, float(body.min())), np.percentile(body, 99.5)
    return float(low), float(high) if high > low else float(low) + 1.0


def _pixel(plane: Plane, place: Sequence[float]) -> Tuple[int, int]:
    """(row, column) on the plane's cut of a place in millimetres."""
    column = np.clip(round(place[0] / plane.spacing[1]), 0, plane.shape[0] - 1)
    row = np.clip(round(place[1] / plane.spacing[2]), 0, plane.shape[1] - 1)
    return int(row), int(column)


def _figure(views: Sequence[Rectangle]) -> Tuple[Any, List[Any]]:
    """A dark figure with one axes for each view, side by side, all at the same inches per millimetre."""
    try:
        from matplotlib.figure import Figure  # its savefig draws with Agg: no pyplot, no global state
    except ImportError as error:
        raise MissingDependencyError(
            "Pictures need matplotlib, which is not installed; run `pip install matplotlib`."
        ) from error
    sizes = np.array([(right - left, bottom - top) for left, right, bottom, top in views])
    sizes *= ROW / sizes[:, 1].max()
    width, height = sizes[:, 0].sum() + 4 * GAP, ROW + HEAD + FOOT
    figure, cells, x = Figure(figsize=(max(width, 8.0), height), facecolor=PAPER), [], GAP
    for across, up in sizes:
        y = FOOT + (ROW - up) / 2
        axes = figure.add_axes((x / figure.get_figwidth(), y / height, across / figure.get_figwidth(), up / height))
        axes.set(facecolor="black", xticks=[], yticks=[])
        for spine in axes.spines.values():
            spine.set_color(EDGE)
        cells.append(axes)
        x += across + GAP
    return figure, cells


def _draw_contour(axes: Any, plane: Plane, contour: np.ndarray) -> None:
    padded = np.pad(contour, 1).astype(np.float32)  # so that a contour closes at the border of the volume
    x = np.arange(-1, contour.shape[1] + 1) * plane.spacing[1]
    y = np.arange(-1, contour.shape[0] + 1) * plane.spacing[2]
    axes.contourf(x, y, padded, levels=[0.5, 2], colors=[CONTOUR], alpha=0.15)
    axes.contour(x, y, padded, levels=[0.5], colors=[CONTOUR], linewidths=1.8)


def _draw_labels(axes: Any, plane: Plane, view: Rectangle, length: int) -> None:
    from matplotlib.patheffects import withStroke

    outline, thick = ([withStroke(linewidth=width, foreground="black")] for width in (2.5, 4.5))
    left, right, top, bottom = plane.letters
    for x, y, text, across, up in (
        (0.02, 0.5, left, "left", "center"),
        (0.98, 0.5, right, "right", "center"),
        (0.5, 0.98, top, "center", "top"),
        (0.5, 0.02, bottom, "center", "bottom"),
        (0.02, 0.98, plane.name, "left", "top"),
    ):
        axes.text(x, y, text, color=TEXT, size=11, ha=across, va=up, transform=axes.transAxes, path_effects=outline)
    x0, x1, y1, y0 = view
    end, height = x1 - 0.03 * (x1 - x0), y1 - 0.03 * (y1 - y0)
    axes.plot([end - length, end], [height, height], color=TEXT, linewidth=2.5, path_effects=thick)
    axes.text(
        end,
        height - 0.02 * (y1 - y0),
        f"{length} mm",
        color=TEXT,
        size=9,
        ha="right",
        va="bottom",
        path_effects=outline,
    )
