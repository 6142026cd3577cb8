"""Images: made from label maps, and real ones changed as scanners would change them. All (k, j, i) float32."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from .fields import blurred, smooth_noise


def image_from_labels(rng: np.random.Generator, labels: np.ndarray) -> np.ndarray:
    """A random image of a label map: every label gets an intensity and a texture, then the scanner's effects."""
    size = labels.shape[0]
    values, index = np.unique(labels, return_inverse=True)
    index = index.reshape(labels.shape)
    count = len(values)
    means = rng.random(count)
    if rng.random() < 0.3:  # few tissues: neighbours of the same intensity, told apart by shape or edge only
        means = rng.random(3)[rng.integers(0, 3, count)]
    deviations = rng.random(count) * rng.choice([0.01, 0.03, 0.1])
    image = means.astype(np.float32)[index]
    texture = rng.standard_normal(labels.shape, dtype=np.float32)
    width = np.exp(rng.normal(-0.3, 0.7)) * np.exp(rng.normal(0, 0.3, 3))
    texture = blurred(texture, width)
    image += texture / (texture.std() + 1e-6) * deviations.astype(np.float32)[index]
    if rng.random() < 0.4:
        image += smooth_noise(rng, size, rng.uniform(4, 20))[0] * rng.uniform(0, 0.1)
    image = _point_spread(rng, image)
    return scanner_effects(rng, image, strength=1.0)


def with_other_contrast(rng: np.random.Generator, image: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """A real image whose labelled structures are each a little brighter or darker: another phase, another patient.

    `labels` are integers, 0 where no structure is. Each of two in five structures moves by about two standard
    deviations of the voxels within one; texture and the sharpness of borders stay.
    """
    values, index = np.unique(labels, return_inverse=True)
    index = index.reshape(labels.shape)
    spread = np.median(ndimage.standard_deviation(image, index, np.flatnonzero(values > 0))) if values.any() else 0.0
    shifts = rng.normal(0, 2 * spread, len(values)) * (rng.random(len(values)) < 0.4) * (values > 0)
    return image + blurred(shifts.astype(np.float32)[index], 0.6)


def _point_spread(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    return blurred(image, np.exp(rng.normal(np.log(0.6), 0.5)) * np.exp(rng.normal(0, 0.25, 3)))


def thick_slices(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Averages `n` slices along a random axis and interpolates back: partial volume of thick slices."""
    axis, thickness = int(rng.integers(3)), int(rng.integers(2, 6))
    size = image.shape[axis]
    moved = np.moveaxis(image, axis, 0)
    count = size // thickness
    slices = moved[: count * thickness].reshape(count, thickness, *moved.shape[1:]).mean(1)
    at = np.clip((np.arange(size) - (thickness - 1) / 2) / thickness, 0, count - 1)
    low = np.minimum(at.astype(int), max(count - 2, 0))
    part = (at - low).astype(np.float32)[:, None, None]
    thick = slices[low] * (1 - part) + slices[np.minimum(low + 1, count - 1)] * part
    return np.ascontiguousarray(np.moveaxis(thick, 0, axis))


def motion_ghosts(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Faint copies along a random axis, as breathing leaves them along the phase encoding of MR."""
    axis = int(rng.integers(3))
    shift = int(rng.integers(3, max(4, image.shape[axis] // 2)))
    faint = rng.uniform(0.03, 0.2)
    copies = np.roll(image, shift, axis) + np.roll(image, -shift, axis)
    return (1 - faint) * image + faint * rng.choice([-0.5, 0.5]) * copies


def noisy(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Gaussian noise (CT), Rician (MR magnitude) or Poisson (PET, microscopy) of random strength."""
    spread = abs(rng.normal(0, 0.035))
    kind = rng.choice(3)
    if kind == 0 and spread > 0.005:
        counts = 1 / spread**2  # so that a voxel of intensity 1 deviates by `spread`
        return rng.poisson(np.clip(image, 0, None) * counts).astype(np.float32) / np.float32(counts)
    noise = rng.standard_normal((2, *image.shape), dtype=np.float32) * spread
    return image + noise[0] if kind == 1 else np.hypot(image + noise[0], noise[1])


def scanner_effects(rng: np.random.Generator, image: np.ndarray, strength: float) -> np.ndarray:
    """Bias field, thick slices, ghosts, noise, windows, gamma, inversion; `strength` 0..1 scales how often."""
    size = image.shape[0]
    low, high = np.quantile(image[::3, ::3, ::3], [0.01, 0.99])
    image = (image - low) / (high - low + 1e-6)
    if rng.random() < 0.5 * strength:
        image = image * np.exp(smooth_noise(rng, size, size * rng.uniform(0.5, 1))[0] * rng.uniform(0, 0.35))
    if rng.random() < 0.25 * strength:
        image = thick_slices(rng, image)
    if rng.random() < 0.1 * strength:
        image = motion_ghosts(rng, image)
    if rng.random() < 0.8 * strength:
        image = noisy(rng, image)
    if rng.random() < 0.2 * strength:  # a window as CT is looked at: what lies beyond it is one grey
        centre, width = rng.uniform(0.2, 0.8), rng.uniform(0.3, 1.0)
        image = np.clip(image, centre - width / 2, centre + width / 2)
    if rng.random() < 0.4:
        image = np.power(np.clip(image, 0, None) + 1e-3, np.exp(rng.normal(0, 0.3)))
    if rng.random() < 0.2 * strength + 0.05:
        image = -image
    return image.astype(np.float32)
