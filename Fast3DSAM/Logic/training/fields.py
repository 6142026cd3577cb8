"""Random smooth fields: the raw material of made-up anatomy, deformation and bias."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from ..tiling import resample_grid


def smooth_noise(rng: np.random.Generator, size: int, feature: float, channels: int = 1) -> np.ndarray:
    """Gaussian noise with features about `feature` voxels wide; (channels, size, size, size), float32."""
    count = max(2, int(np.ceil(size / feature)) + 1)
    coarse = rng.standard_normal((channels, count, count, count), dtype=np.float32)
    step = (count - 1) / (size - 1)
    return np.stack([resample_grid(c, (0, 0, 0), (step,) * 3, (size,) * 3) for c in coarse])


def random_rotation(rng: np.random.Generator, largest_angle: float = np.pi) -> np.ndarray:
    """A 3x3 rotation about a random axis by at most `largest_angle` radians."""
    axis = rng.standard_normal(3)
    axis /= np.linalg.norm(axis)
    angle = rng.uniform(-largest_angle, largest_angle)
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def blurred(values: np.ndarray, sigma) -> np.ndarray:
    """Gaussian blur of a (k, j, i) array by `sigma` voxels, one number or one per axis."""
    return ndimage.gaussian_filter(values, sigma, mode="nearest", truncate=3.0)


def normal_coordinates(rng: np.random.Generator, size: int, warp_feature: float, warp: float) -> np.ndarray:
    """Voxel coordinates (3, size, size, size), moved by a smooth random displacement of about `warp` voxels."""
    grid = np.stack(np.meshgrid(*[np.arange(size, dtype=np.float32)] * 3, indexing="ij"))
    return grid + warp * smooth_noise(rng, size, warp_feature, 3) if warp > 0 else grid
