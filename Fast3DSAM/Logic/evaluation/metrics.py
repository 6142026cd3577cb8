"""How well a mask fits its reference: DSC, NSD, and the area under their curves over clicks."""

from __future__ import annotations

import warnings
from typing import Sequence, Tuple

import numpy as np

from ..errors import MissingDependencyError
from ..geometry import Box

TOLERANCE_MM = 2.0
NSD_COUNTS_ABOVE_DSC = 0.2


def dice(prediction: np.ndarray, reference: np.ndarray) -> float:
    """Dice similarity coefficient of two boolean (k, j, i) arrays, 0 to 1, by MONAI; NaN for an empty reference."""
    _, compute_dice, _ = _monai()
    return float(compute_dice(*_cropped(prediction, reference), include_background=True).item())


def normalized_surface_dice(
    prediction: np.ndarray, reference: np.ndarray, spacing: Sequence[float], tolerance: float = TOLERANCE_MM
) -> float:
    """Share of both surfaces that lies within `tolerance` mm of the other one, 0 to 1, by MONAI.

    `spacing` is (sk, sj, si) in mm. Surface elements count by their area, as in the challenge's own implementation
    (`use_subvoxels`). 0 where one of the masks is empty.
    """
    _, _, compute_surface_dice = _monai()
    if not prediction.any() or not reference.any():
        return 0.0
    with warnings.catch_warnings():
        # MONAI warns about an argument that it passes to itself.
        warnings.filterwarnings("ignore", category=FutureWarning, module="monai")
        value = compute_surface_dice(
            *_cropped(prediction, reference),
            class_thresholds=[float(tolerance)],
            include_background=True,
            spacing=[float(s) for s in spacing],
            use_subvoxels=True,
        )
    return float(value.item())


def scores(prediction: np.ndarray, reference: np.ndarray, spacing: Sequence[float]) -> Tuple[float, float]:
    """(DSC, NSD) of the click protocol: NSD counts 0 while DSC <= 0.2, and is not computed then."""
    dsc = dice(prediction, reference)
    return dsc, normalized_surface_dice(prediction, reference, spacing) if dsc > NSD_COUNTS_ABOVE_DSC else 0.0


def area_under_curve(values: Sequence[float]) -> float:
    """Trapezoid over the steps with dx = 1: five perfect steps give 4."""
    curve = np.asarray(values, dtype=np.float64)
    return float((curve[1:] + curve[:-1]).sum() / 2)


def _cropped(prediction: np.ndarray, reference: np.ndarray):
    """Both masks as (1, 1, k, j, i) tensors of the box that holds them and a margin; beyond it nothing counts."""
    torch, _, _ = _monai()
    whole = Box((0, 0, 0), reference.shape)
    box = Box.of_mask(prediction).union(Box.of_mask(reference)).padded(2).intersection(whole)
    box = whole if box.is_empty else box
    return tuple(torch.from_numpy(np.ascontiguousarray(m[box.slices]))[None, None] for m in (prediction, reference))


def _monai():
    try:
        import torch
        from monai.metrics import compute_dice, compute_surface_dice
    except ImportError as error:
        raise MissingDependencyError(
            f"DSC and NSD come from MONAI, which cannot be imported ({error}); run: pip install monai"
        ) from error
    return torch, compute_dice, compute_surface_dice
