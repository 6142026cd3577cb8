"""What can be evaluated: the interface, and this product's own session behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Sequence

import numpy as np

from ..geometry import VolumeGeometry
from ..prompts import PromptSet
from .click_simulation import Click

if TYPE_CHECKING:
    from ..session import InteractiveSession


class Segmenter(Protocol):
    """A method that turns accumulating prompts into a mask. Arrays and positions are (k, j, i)."""

    name: str

    def start(self, voxels: np.ndarray, geometry: VolumeGeometry) -> None:
        """Take a volume; what a method computes once per volume belongs here."""

    def reset(self) -> None:
        """Forget all prompts: a new target of the same volume begins."""

    def add_box(self, lo: Sequence[int], hi: Sequence[int]) -> np.ndarray:
        """The object lies between the voxels `lo` and `hi`, both inside; returns the whole volume's boolean mask."""

    def add_clicks(self, clicks: Sequence[Click]) -> np.ndarray:
        """Add one or more clicks to the earlier prompts; returns the whole volume's boolean mask."""


class SessionSegmenter:
    """Fast3DSAM as its users have it."""

    def __init__(self, session: InteractiveSession, name: str = "fast3dsam") -> None:
        self.session, self.name = session, name

    def start(self, voxels: np.ndarray, geometry: VolumeGeometry) -> None:
        self.session.set_volume(voxels, geometry=geometry)

    def reset(self) -> None:
        self.session.reset()

    def add_box(self, lo: Sequence[int], hi: Sequence[int]) -> np.ndarray:
        return self.session.add_box(lo, hi).mask

    def add_clicks(self, clicks: Sequence[Click]) -> np.ndarray:
        if len(clicks) == 1:
            return self.session.add_point(clicks[0].position, clicks[0].positive).mask
        prompts: PromptSet = self.session.prompts
        for click in clicks:
            prompts = prompts.with_point(click.position, click.positive)
        return self.session.apply(prompts).mask
