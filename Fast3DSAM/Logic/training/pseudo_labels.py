"""Labels for images that have none: regions of like intensity, so that borders of real scanners are followed."""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from skimage.exposure import equalize_hist
from skimage.segmentation import slic, watershed

_MIN_CONTRAST = 1e-6
_EDGE = 1.5  # how much steeper the image must be on a region's border than inside it
_CUT = 0.25  # of its border voxels so many may lie on the crop's faces


def supervoxel_labels(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Connected regions of like intensity at a random scale; (k, j, i) integers, as large as `image`; 0: no region.

    The smoothed image is cut into many supervoxels; those of like mean intensity that touch become one region, as a
    vessel tree or an organ does. Half the time intensities are ranks, or soft tissues of a CT would never part. Regions
    whose border is no edge of the image, or mostly the crop's, are left out: they are no one's object.
    """
    low, high = np.quantile(image[::2, ::2, ::2], [0.01, 0.99])
    scaled = np.clip((image - low) / max(high - low, _MIN_CONTRAST), 0, 1).astype(np.float32)
    if rng.random() < 0.5:
        scaled = equalize_hist(scaled).astype(np.float32)
    smooth = ndimage.gaussian_filter(scaled, np.exp(rng.uniform(np.log(0.5), np.log(1.6))))
    values, pieces = np.unique(_supervoxels(rng, smooth), return_inverse=True)
    pieces = pieces.reshape(image.shape)
    means = ndimage.mean(smooth, pieces, np.arange(len(values)))
    levels = int(rng.integers(3, 9))
    classes = np.digitize(means, np.sort(rng.uniform(0, 1, levels)))[pieces]
    is_opened = rng.random() < 0.5  # where two objects touch in a few voxels only
    regions = np.zeros(image.shape, np.int64)
    for value in np.unique(classes):
        alike = classes == value
        found, count = ndimage.label(ndimage.binary_opening(alike) if is_opened else alike)
        regions[found > 0] = found[found > 0] + regions.max()
    return _with_edges(regions, scaled)


def _supervoxels(rng: np.random.Generator, smooth: np.ndarray) -> np.ndarray:
    """SLIC's (Achanta et al., PAMI 2012), compact, or watersheds of the gradient, which lie on the borders only."""
    count = int(np.exp(rng.uniform(np.log(60), np.log(600))))
    if rng.random() < 0.5:
        return watershed(ndimage.gaussian_gradient_magnitude(smooth, 0.7), markers=count)
    return slic(
        smooth,
        n_segments=count,
        compactness=float(np.exp(rng.uniform(np.log(0.01), np.log(0.1)))),
        max_num_iter=4,
        channel_axis=None,
        start_label=1,
    )


def _with_edges(regions: np.ndarray, image: np.ndarray) -> np.ndarray:
    """Only those regions that end where the image changes."""
    steepness = ndimage.gaussian_gradient_magnitude(image, 0.7)
    on_face = np.ones(regions.shape, bool)
    on_face[1:-1, 1:-1, 1:-1] = False
    on_border = (ndimage.maximum_filter(regions, 3) != ndimage.minimum_filter(regions, 3)) & ~on_face
    inside = ~(on_border | on_face)

    def sums(values: np.ndarray) -> np.ndarray:
        return np.bincount(regions.ravel(), values.ravel())

    faces, border = sums(on_face), sums(on_border)
    at_border = sums(steepness * on_border) / np.maximum(border, 1)
    at_inside = sums(steepness * inside) / np.maximum(sums(inside), 1)
    is_object = (at_border > _EDGE * at_inside + _MIN_CONTRAST) & (faces < _CUT * (faces + border))
    return np.where(is_object[regions], regions, 0)
