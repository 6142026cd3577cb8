"""Axial, coronal and sagittal planes of a (k, j, i) array, as radiologists expect them: numbers only, no drawing."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from typing import Sequence, Tuple

import numpy as np

from .geometry import VolumeGeometry

# Of each anatomical axis (R, A, S) the letters at the positive and the negative end.
LETTERS = (("R", "L"), ("A", "P"), ("S", "I"))
# Name and anatomical axes: normal, across, up. The patient is seen from the feet, from the front and from the left, so
# the positive end (R, A, S) of each axis is on the picture's left and top.
PLANES = (("Axial", 2, 0, 1), ("Coronal", 1, 0, 2), ("Sagittal", 0, 1, 2))


@dataclass(frozen=True)
class Plane:
    """How one plane is cut from a (k, j, i) array and laid out, x to the right and y downwards, in millimetres.

    (0, 0) is the centre of the picture's top left voxel. Oblique volumes keep their own planes, named after the nearest
    anatomical ones.
    """

    name: str
    axes: Tuple[int, int, int]  # array axes: normal, across, up
    flips: Tuple[bool, bool]  # across, up: does the array index run against x, y?
    letters: Tuple[str, str, str, str]  # left, right, top, bottom
    index: int  # of the slice, along the normal
    shape: Tuple[int, int]  # voxels across, up
    spacing: Tuple[float, float, float]  # millimetres: normal, across, up

    def cut(self, array: np.ndarray) -> np.ndarray:
        """The plane's voxels as (row, column), row 0 at the top."""
        plane = array[tuple(self.index if axis == self.axes[0] else slice(None) for axis in range(3))]
        plane = plane.T if self.axes[1] < self.axes[2] else plane
        return plane[:: -1 if self.flips[1] else 1, :: -1 if self.flips[0] else 1]

    def place(self, position: Sequence[float]) -> Tuple[float, float, float]:
        """(x, y) of a voxel position (k, j, i), and its distance from the plane; all millimetres."""
        across, up = position[self.axes[1]], position[self.axes[2]]
        across = self.shape[0] - 1 - across if self.flips[0] else across
        up = self.shape[1] - 1 - up if self.flips[1] else up
        distance = abs(position[self.axes[0]] - self.index) * self.spacing[0]
        return across * self.spacing[1], up * self.spacing[2], distance

    @property
    def extent(self) -> Tuple[float, float, float, float]:
        """Left, right, bottom and top edge in millimetres."""
        width, height = self.spacing[1], self.spacing[2]
        return -width / 2, (self.shape[0] - 0.5) * width, (self.shape[1] - 0.5) * height, -height / 2


def planes_through(shape: Sequence[int], geometry: VolumeGeometry, position: Sequence[float]) -> Tuple[Plane, ...]:
    """The axial, coronal and sagittal plane through a voxel position (k, j, i) of a volume of that shape."""
    directions = geometry.ijk_to_ras[:3, 2::-1] / np.array(geometry.spacing)  # column a: RAS direction of array axis a
    axis_of = max(permutations(range(3)), key=lambda order: sum(abs(directions[r, a]) for r, a in enumerate(order)))
    planes = []
    for name, *anatomical in PLANES:
        normal, across, up = axes = tuple(axis_of[r] for r in anatomical)
        (left, right), (top, bottom) = LETTERS[anatomical[1]], LETTERS[anatomical[2]]
        planes.append(
            Plane(
                name=name,
                axes=axes,
                flips=tuple(bool(directions[r, axis_of[r]] > 0) for r in anatomical[1:]),
                letters=(left, right, top, bottom),
                index=int(np.clip(round(position[normal]), 0, shape[normal] - 1)),
                shape=(shape[across], shape[up]),
                spacing=tuple(geometry.spacing[axis] for axis in axes),
            )
        )
    return tuple(planes)
