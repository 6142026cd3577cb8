"""A segmentation whose right answer is known: a ball in noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Tuple

import numpy as np

if TYPE_CHECKING:
    from ..session import InteractiveSession

SIZE, RADIUS, SPACING = 64, 16.0, (1.5, 1.5, 1.5)


@dataclass(frozen=True)
class SelfTest:
    """Seconds for the embedding and for one click in the ball's centre; Dice overlap (0 to 1) with the true ball."""

    embedding_seconds: float
    click_seconds: float
    dice: float


def ball_in_noise() -> Tuple[np.ndarray, np.ndarray]:
    """(voxels int16, mask bool), both (k, j, i): a bright ball on a slope of grey with noise, the same every time."""
    k, j, i = np.ogrid[:SIZE, :SIZE, :SIZE]
    centre = (SIZE - 1) / 2
    mask = (k - centre) ** 2 + (j - centre) ** 2 + (i - centre) ** 2 < RADIUS**2
    noise = np.random.default_rng(0).normal(0, 12, mask.shape)
    return (40 + 0.4 * i + 90 * mask + noise).astype(np.int16), mask


def run_self_test(session: InteractiveSession) -> SelfTest:
    """Embeds the ball and clicks once into its centre; the session then holds that volume."""
    voxels, truth = ball_in_noise()
    embedding = session.set_volume(voxels, spacing=SPACING)
    update = session.add_point((SIZE / 2,) * 3)
    mask = update.mask
    dice = 2 * np.count_nonzero(mask & truth) / (np.count_nonzero(mask) + np.count_nonzero(truth))
    return SelfTest(embedding, update.seconds, float(dice))
