"""A closed curve as clicks: some places well inside it."""

from __future__ import annotations

from typing import Sequence

import numpy as np

from .errors import InvalidPromptError

_GRID = 24  # candidates along the longer side
_RIM = 0.35  # of the largest distance to the curve: nearer places would rather tell of the border


def places_inside(curve: Sequence[Sequence[float]], count: int = 6) -> np.ndarray:
    """(n, 3) world points spread over the inside of a flat closed curve (m, 3), n <= `count`, the deepest one first.

    A curve that is not quite flat is taken in its best plane. Raises `InvalidPromptError` if it encloses nothing.
    """
    curve = np.asarray(curve, dtype=float)
    if curve.ndim != 2 or curve.shape[1] != 3 or len(curve) < 3:
        raise InvalidPromptError(f"A lasso needs at least three points, not {len(curve)}; draw around the object.")
    centre = curve.mean(0)
    axes = np.linalg.svd(curve - centre, full_matrices=False)[2][:2]
    polygon = (curve - centre) @ axes.T
    lo, hi = polygon.min(0), polygon.max(0)
    step = (hi - lo).max() / _GRID
    if not step > 0:
        raise InvalidPromptError("The lasso encloses nothing; draw it around the object.")
    u, v = np.meshgrid(np.arange(lo[0] + step / 2, hi[0], step), np.arange(lo[1] + step / 2, hi[1], step))
    places = np.stack([u.ravel(), v.ravel()], axis=1)
    depth = np.where(_is_inside(places, polygon), _distance(places, polygon), 0)
    if depth.max(initial=0) <= 0:
        raise InvalidPromptError("The lasso encloses nothing; draw it around the object.")
    places = places[depth >= _RIM * depth.max()]
    depth = depth[depth >= _RIM * depth.max()]
    chosen = [int(depth.argmax())]
    away = np.linalg.norm(places - places[chosen[0]], axis=1)
    while len(chosen) < count and away.max() > 2 * step:
        chosen.append(int(away.argmax()))
        away = np.minimum(away, np.linalg.norm(places - places[chosen[-1]], axis=1))
    return centre + places[chosen] @ axes


def _is_inside(places: np.ndarray, polygon: np.ndarray) -> np.ndarray:
    """Even-odd rule, (n, 2) places against (m, 2) corners."""
    a, b = polygon[None], np.roll(polygon, -1, axis=0)[None]
    x, y = places[:, None, 0], places[:, None, 1]
    spans = (a[..., 1] > y) != (b[..., 1] > y)
    rise = np.where(spans, b[..., 1] - a[..., 1], 1.0)
    crossing = a[..., 0] + (y - a[..., 1]) / rise * (b[..., 0] - a[..., 0])
    return ((spans & (x < crossing)).sum(1) % 2).astype(bool)


def _distance(places: np.ndarray, polygon: np.ndarray) -> np.ndarray:
    """Of each place to the nearest edge."""
    a, edge = polygon[None], (np.roll(polygon, -1, axis=0) - polygon)[None]
    along = ((places[:, None] - a) * edge).sum(-1) / np.maximum((edge**2).sum(-1), 1e-12)
    nearest = a + np.clip(along, 0, 1)[..., None] * edge
    return np.linalg.norm(places[:, None] - nearest, axis=-1).min(1)
