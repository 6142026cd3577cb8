"""A second task while training: which structure of its kind of volume each place belongs to. Not part of the network.

Clicks teach one mask at a time, and detail features answer most of them. Naming every place of a crop teaches the
encoder what organs look like and where they lie, many times denser; the clicks then compare such features. Classes are
told apart within a family of cases only (all CTs of one study, one atlas), whose label values mean the same.
"""

from __future__ import annotations

from typing import Dict, Hashable, Sequence

import numpy as np
from torch import Tensor, nn

from ..model.config import ModelConfig
from ..model.image_encoder import ImageEmbedding

CLASSES = 64  # per family, background included; an atlas with more structures shares some
NO_CLASS = -1
GRID = 4  # classes are given per GRID voxels of the crop along each axis


class Vocabulary:
    """Family and label value -> class, over all families of the training data."""

    def __init__(self, families: Sequence[Hashable]) -> None:
        self._places: Dict[Hashable, int] = {family: place for place, family in enumerate(families)}

    def __len__(self) -> int:
        return len(self._places) * CLASSES

    def classes(self, family: Hashable, labels: np.ndarray, inside: np.ndarray) -> np.ndarray:
        """Labels (n, n, n) of a crop -> int16 classes on the grid (n / GRID, ...); `NO_CLASS` beyond the volume.

        A family that is not in the vocabulary has no classes anywhere.
        """
        middle = (slice(GRID // 2, None, GRID),) * 3
        labels, inside = labels[middle], inside[middle]
        if family not in self._places:
            return np.full(labels.shape, NO_CLASS, np.int16)
        within = np.where(labels > 0, 1 + (labels - 1) % (CLASSES - 1), 0)
        return np.where(inside, self._places[family] * CLASSES + within, NO_CLASS).astype(np.int16)


class SemanticHead(nn.Module):
    """Names the classes from the embedding's features at 1/4 and 1/8, linearly: the features have to know them."""

    def __init__(self, config: ModelConfig, classes: int) -> None:
        super().__init__()
        self.quarter = nn.Linear(config.decoder_widths[1], classes)
        self.coarse = nn.Linear(config.neck_width, classes)

    def forward(self, embedding: ImageEmbedding, classes: Tensor) -> Tensor:
        """Cross-entropy (a scalar) in which each class of a crop counts the same; 0 where no crop has classes.

        `embedding` of B crops of n^3 voxels; `classes` (B, n / 4, n / 4, n / 4) integers of one family per crop.
        """
        at_eighth = classes[:, 1::2, 1::2, 1::2]
        parts = ((self.quarter, embedding.quarter, classes), (self.coarse, embedding.coarse, at_eighth))
        return sum(_named(head, features, wanted) for head, features, wanted in parts) / len(parts)


def _named(head: nn.Linear, features: Tensor, classes: Tensor) -> Tensor:
    """Cross-entropy of features (B, C, ...) named by the part of `head` that is each crop's family's."""
    wanted = classes.flatten(1).long()
    known = wanted != NO_CLASS
    family = wanted.amax(1).clamp(min=0) // CLASSES
    weights, offsets = head.weight.unflatten(0, (-1, CLASSES))[family], head.bias.unflatten(0, (-1, CLASSES))[family]
    scores = (features.flatten(2).transpose(1, 2) @ weights.transpose(1, 2)).float() + offsets[:, None]
    within = (wanted - family[:, None] * CLASSES).clamp(min=0)
    counts = scores.new_zeros(len(wanted), CLASSES).scatter_add_(1, within, known.to(scores))
    share = known / counts.gather(1, within).clamp(min=1)  # of its class
    losses = -scores.log_softmax(-1).gather(2, within[..., None])[..., 0] * share
    return (losses.sum(1) / (counts > 0).sum(1).clamp(min=1)).mean()
