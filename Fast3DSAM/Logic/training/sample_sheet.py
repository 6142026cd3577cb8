"""A picture of what the network is trained on: a look at it finds what no figure tells."""

from __future__ import annotations

from pathlib import Path
from typing import Sequence

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from .data_engine import Sample

_COLOURS = ("#ff5a36", "#35c4ff", "#f7d417", "#6fe06f")


def draw_samples(samples: Sequence[Sample], path: Path, columns: int = 6) -> None:
    """Writes a sheet: of every sample the slice that shows most of its first target, all its targets outlined."""
    rows = -(-len(samples) // columns)
    figure = Figure(figsize=(1.7 * columns, 1.7 * rows), layout="constrained", facecolor="black")
    for place, axes in enumerate(np.ravel(figure.subplots(rows, columns, squeeze=False))):
        axes.set_axis_off()
        if place < len(samples):
            _draw_sample(axes, samples[place])
    FigureCanvasAgg(figure).print_figure(str(path), dpi=130, facecolor="black")


def _draw_sample(axes, sample: Sample) -> None:
    index = int(sample.targets[0].sum((1, 2)).argmax())
    axes.imshow(sample.image[0, index], cmap="gray", interpolation="nearest")
    for target, colour in zip(sample.targets, _COLOURS):
        cut = target[index]
        if cut.any() and not cut.all():
            axes.contour(cut.astype(np.float32), levels=[0.5], colors=[colour], linewidths=1.0)
