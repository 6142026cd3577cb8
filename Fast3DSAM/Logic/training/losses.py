"""What training minimises: Dice and cross-entropy of the mask, its draft and the keys' likeness, error of the IoU."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from monai.losses import DiceLoss
from torch import Tensor

from ..model.mask_decoder import MaskPrediction


class Losses(NamedTuple):
    """Scalars: `total` to minimise, and what it is made of; `dice` is the mean hard Dice, for the log."""

    total: Tensor
    mask: Tensor
    iou: Tensor
    draft: Tensor
    dice: Tensor


class KeyLoss(torch.nn.Module):
    """How badly likeness to the clicked voxels' keys alone tells a target from the rest.

    Without it keys are learnt through the mask only, which finds most objects around the click, so that those of far
    parts of a long object (a spinal cord's) never come to be alike.
    """

    def __init__(self, steepness: float = 10.0, threshold: float = 0.5) -> None:
        """A likeness (cosine) counts as `steepness` * (likeness - `threshold`), a logit."""
        super().__init__()
        self._dice = DiceLoss(sigmoid=True, smooth_nr=1.0, smooth_dr=1.0)
        self._steepness, self._threshold = steepness, threshold

    def forward(self, likeness: Tensor, targets: Tensor, clicked: Tensor) -> Tensor:
        """`likeness` (N, S, d/2, h/2, w/2) at S scales, `targets` (N, 1, d, h, w), `clicked` (N,): rows that count."""
        if not clicked.any():
            return 0 * likeness.sum()  # every process has a gradient for everything
        logits = self._steepness * (likeness[clicked].float() - self._threshold)
        wanted = F.avg_pool3d(targets[clicked], 2).expand_as(logits)
        return self._dice(logits, wanted) + F.binary_cross_entropy_with_logits(logits, wanted)


class ClickLoss(torch.nn.Module):
    """Loss of one round of clicks. Targets are 0 or 1 per voxel of the tile."""

    def __init__(self, iou_weight: float = 0.5, draft_weight: float = 0.5) -> None:
        super().__init__()
        self._dice = DiceLoss(sigmoid=True, smooth_nr=1.0, smooth_dr=1.0)
        self._iou_weight, self._draft_weight = iou_weight, draft_weight

    def forward(self, prediction: MaskPrediction, targets: Tensor) -> Losses:
        """`targets` (N, 1, d, h, w) float."""
        logits = prediction.logits
        mask = self._dice(logits, targets) + F.binary_cross_entropy_with_logits(logits, targets)
        found, truth = logits.detach() > 0, targets > 0.5
        both = (found & truth).sum((1, 2, 3, 4)).float()
        either = (found | truth).sum((1, 2, 3, 4)).float()
        iou = F.mse_loss(prediction.iou, both / either.clamp(min=1))
        dice = (2 * both / (both + either).clamp(min=1)).mean()
        share = F.adaptive_avg_pool3d(targets, prediction.draft.shape[2:])  # of a coarse voxel that is target
        draft = self._dice(prediction.draft, share) + F.binary_cross_entropy_with_logits(prediction.draft, share)
        total = mask + self._iou_weight * iou + self._draft_weight * draft
        return Losses(total, mask, iou, draft, dice)
