"""Made-up label maps with exact borders: anatomy-like shapes of many kinds. Each kind is a function of an rng."""

from __future__ import annotations

from typing import Callable, Dict

import numpy as np
from scipy import ndimage, spatial

from .fields import normal_coordinates, random_rotation, smooth_noise


def voronoi(rng: np.random.Generator, size: int) -> np.ndarray:
    """Warped Voronoi cells: organs that fill space."""
    count = int(rng.integers(4, 60))
    seeds = rng.uniform(-0.1, 1.1, (count, 3)) * size
    stretch = np.exp(rng.normal(0, 0.35, 3))
    where = normal_coordinates(rng, size, rng.uniform(8, 24), rng.uniform(1, 8))
    tree = spatial.cKDTree(seeds * stretch)
    nearest = tree.query(where.reshape(3, -1).T * stretch)[1]
    return nearest.reshape((size,) * 3)


def noise_argmax(rng: np.random.Generator, size: int) -> np.ndarray:
    """The largest of several smooth fields: irregular, branching regions."""
    count, feature = int(rng.integers(2, 8)), rng.uniform(6, 28)
    fields = smooth_noise(rng, size, feature, count) + 0.5 * smooth_noise(rng, size, feature / 2, count)
    return fields.argmax(0)


def _ellipsoid(rng: np.random.Generator, where: np.ndarray, centre: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """Squared radius of each voxel in a randomly turned ellipsoid: below 1 is inside."""
    turned = np.tensordot(random_rotation(rng), where - centre[:, None, None, None], 1)
    return np.square(turned / radii[:, None, None, None]).sum(0)


def ellipsoids(rng: np.random.Generator, size: int) -> np.ndarray:
    """Blobs, rods and discs over each other, some with a core: lesions, vessels, organs with a cavity."""
    labels = _background(rng, size)
    where = normal_coordinates(rng, size, rng.uniform(8, 24), rng.uniform(0, 5)).astype(np.float32)
    for _ in range(int(rng.integers(2, 12))):
        radius = np.exp(rng.uniform(np.log(2.5), np.log(0.45 * size)))
        radii = radius * np.exp(rng.normal(0, 0.35, 3))
        shape = rng.random()
        if shape < 0.2:  # rod
            radii = np.array([4 * radius, radius / 4, radius / 4])
        elif shape < 0.3:  # disc
            radii = np.array([radius, radius, radius / 5])
        distance = _ellipsoid(rng, where, rng.uniform(0.05, 0.95, 3) * size, radii.clip(1.5))
        labels[distance < 1] = labels.max() + 1
        if rng.random() < 0.25:
            labels[distance < rng.uniform(0.2, 0.7)] = labels.max() + 1
    return labels


def tubes(rng: np.random.Generator, size: int) -> np.ndarray:
    """Branching curved tubes with walls: vessels and airways."""
    labels = _background(rng, size)
    for _ in range(int(rng.integers(1, 5))):
        mask = np.zeros((size,) * 3, bool)
        start, heading = rng.uniform(0, size, 3), random_rotation(rng)[0]
        branches = [(start, heading, int(size * rng.uniform(0.8, 2)))]
        while branches:
            position, direction, steps = branches.pop()
            for step in range(steps):
                direction = direction + rng.normal(0, 0.08, 3)
                direction /= np.linalg.norm(direction)
                position = position + 0.8 * direction
                voxel = np.round(position).astype(int)
                if (voxel < 0).any() or (voxel >= size).any():
                    break
                mask[tuple(voxel)] = True
                if rng.random() < 0.02 and len(branches) < 3:
                    branches.append((position, direction + rng.normal(0, 0.7, 3), steps - step))
        if not mask.any():
            continue
        distance = ndimage.distance_transform_edt(~mask)
        radius = np.exp(rng.uniform(np.log(1.5), np.log(size / 9)))
        labels[distance < radius] = labels.max() + 1
        if rng.random() < 0.3 and radius > 4:
            labels[distance < radius - rng.uniform(1.5, 2.5)] = labels.max() + 1
    return labels


def sheets(rng: np.random.Generator, size: int) -> np.ndarray:
    """Thin curved layers between two regions: cortex, walls, membranes."""
    labels = _background(rng, size)
    field = smooth_noise(rng, size, rng.uniform(14, 40))[0]
    gradient = np.linalg.norm(np.gradient(field), axis=0).mean() + 1e-6
    thickness = rng.uniform(2, 7) * gradient
    labels[field > 0] = labels.max() + 1
    labels[np.abs(field) < thickness / 2] = labels.max() + 1
    return labels


def repeated(rng: np.random.Generator, size: int) -> np.ndarray:
    """Look-alikes in a row, touching or nearly so: vertebrae, ribs, teeth, twins that only shape separates."""
    labels = _background(rng, size)
    where = normal_coordinates(rng, size, rng.uniform(16, 32), rng.uniform(1, 6)).astype(np.float32)
    count = int(rng.integers(2, 9))
    axis = random_rotation(rng)[0]
    pitch = rng.uniform(0.6, 1.3) * size / count
    radii = pitch * np.array([rng.uniform(0.42, 0.56), rng.uniform(0.4, 1.2), rng.uniform(0.4, 1.2)])
    turn = random_rotation(rng)
    turn[0] = axis
    turn = np.linalg.qr(turn.T)[0].T
    same = labels.max() + 1
    for index in range(count):
        centre = size / 2 + axis * (index - (count - 1) / 2) * pitch
        local = np.tensordot(turn, where - centre[:, None, None, None], 1)
        labels[np.square(local / radii[:, None, None, None]).sum(0) < 1] = same + index
    return labels


def with_surroundings(rng: np.random.Generator, labels: np.ndarray) -> np.ndarray:
    """A label map (n, n, n) with its empty parts cut into regions of labels beyond its own, to make an image of.

    An atlas names some structures and leaves out the fat and muscle, vessels and bones around them.
    """
    pieces = (voronoi if rng.random() < 0.5 else noise_argmax)(rng, len(labels))
    return np.where(labels == 0, labels.max() + 1 + pieces, labels)


def _background(rng: np.random.Generator, size: int) -> np.ndarray:
    if rng.random() < 0.6:
        return np.zeros((size,) * 3, np.int64)
    return (voronoi if rng.random() < 0.5 else noise_argmax)(rng, size)


KINDS: Dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "voronoi": voronoi,
    "noise": noise_argmax,
    "ellipsoids": ellipsoids,
    "tubes": tubes,
    "sheets": sheets,
    "repeated": repeated,
}
_WEIGHTS = np.array([0.18, 0.15, 0.34, 0.14, 0.07, 0.12])


def random_label_map(rng: np.random.Generator, size: int) -> np.ndarray:
    """A made-up label map (size, size, size) of a random kind, integer labels."""
    kind = rng.choice(list(KINDS), p=_WEIGHTS)
    return KINDS[kind](rng, size)
