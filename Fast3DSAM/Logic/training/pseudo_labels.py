"""Labels for images that have none: supervoxels, so that the texture and borders of real scanners are seen."""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from skimage.segmentation import slic

_MIN_CONTRAST = 1e-6


def supervoxel_labels(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Connected regions of like intensity at a random scale; (k, j, i) integers from 1, as large as `image`.

    SLIC (Achanta et al., PAMI 2012) cuts the smoothed image into many supervoxels that follow its borders; those of
    like mean intensity that touch become one region, as a vessel tree or an organ does.
    """
    low, high = np.quantile(image[::2, ::2, ::2], [0.01, 0.99])
    scaled = np.clip((image - low) / max(high - low, _MIN_CONTRAST), 0, 1).astype(np.float32)
    smooth = ndimage.gaussian_filter(scaled, np.exp(rng.uniform(np.log(0.5), np.log(1.6))))
    pieces = slic(
        smooth,
        n_segments=int(np.exp(rng.uniform(np.log(60), np.log(600)))),
        compactness=float(np.exp(rng.uniform(np.log(0.01), np.log(0.1)))),
        max_num_iter=4,
        channel_axis=None,
        start_label=1,
    )
    values, pieces = np.unique(pieces, return_inverse=True)
    pieces = pieces.reshape(image.shape)
    means = ndimage.mean(smooth, pieces, np.arange(len(values)))
    levels = int(rng.integers(3, 9))
    classes = np.digitize(means, np.sort(rng.uniform(0, 1, levels)))[pieces]
    regions = np.zeros(image.shape, np.int64)
    for value in np.unique(classes):
        found, count = ndimage.label(classes == value)
        regions[found > 0] = found[found > 0] + regions.max()
    return regions
