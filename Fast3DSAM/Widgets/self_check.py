"""What is installed, what it runs on, and whether the volume's geometry is fit, in a few lines."""

from __future__ import annotations

import platform
from importlib import metadata
from typing import Iterator

import numpy as np
from slicer.i18n import tr as _

from ..Logic.errors import Fast3DSAMError
from ..Logic.mrml.volumes import read_volume
from .install import gpu_hint
from .workbench import Workbench, torch_is_there

_STRETCHED = 4.0  # slices thicker than that many times the pixel: fine structures may be lost


def self_check(bench: Workbench) -> str:
    """Several lines of text; costs nothing, loads nothing."""
    return "\n".join((*_software(), *_network(bench), *_volume(bench)))


def _software() -> Iterator[str]:
    torch = metadata.version("torch") if torch_is_there() else _("not installed: choose a volume, then press Install")
    yield f"Python {platform.python_version()}, PyTorch {torch}"
    if gpu_hint():
        yield gpu_hint()


def _network(bench: Workbench) -> Iterator[str]:
    if bench.session is None:
        yield _("The network is loaded with the first volume.")
        return
    predictor = bench.session.predictor
    yield _("Runs on {device}; weights {hash}; embeddings {size:.0f} MB").format(
        device=predictor.device_name, hash=predictor.fingerprint[:12], size=bench.session.embeddings.nbytes / 1e6
    )


def _volume(bench: Workbench) -> Iterator[str]:
    node = bench.parameters.volume
    if node is None:
        yield _("No volume is chosen.")
        return
    try:
        volume = read_volume(node)
    except Fast3DSAMError as error:
        yield str(error)
        return
    spacing = volume.geometry.spacing
    directions = np.abs(volume.geometry.ijk_to_ras[:3, :3]) / np.asarray(spacing)[::-1]
    tilt = float(np.degrees(np.arccos(np.clip(directions.max(axis=0).min(), 0, 1))))
    shape = " x ".join(str(n) for n in volume.shape[::-1])
    size = " x ".join(f"{v:.3g}" for v in spacing[::-1])
    yield _("'{name}': {shape} voxels of {size} mm, tilted by {tilt:.0f} degrees: fine").format(
        name=volume.name, shape=shape, size=size, tilt=tilt
    )
    if max(spacing) > _STRETCHED * min(spacing):
        yield _("Its slices are thick; check the borders between slices.")
