"""Made-up vessels and lesions in real images: exact borders amid real texture, and what no labelled case shows.

No CT of the training data has contrast in its vessels; clinicians click on those all the time.
"""

from __future__ import annotations

import numpy as np

from .cases import Crop
from .fields import blurred
from .label_maps import KINDS

_KINDS, _KIND_WEIGHTS = ("tubes", "ellipsoids"), (0.6, 0.4)
_MOST = 2  # objects per crop
_SMALLEST, _LARGEST = 24, 0.15  # voxels; share of the crop


def with_pasted_objects(rng: np.random.Generator, crop: Crop) -> Crop:
    """The crop of a real image with up to two objects more, brighter or darker than what they cover.

    All arrays (k, j, i). They have labels of their own, and the crop is framed for the last. A crop in which nothing
    fits keeps its image and labels.
    """
    size = len(crop.labels)
    shapes = KINDS[rng.choice(_KINDS, p=_KIND_WEIGHTS)](rng, size)
    values, voxels = np.unique(np.where(crop.inside, shapes, 0), return_counts=True)
    fits = values[(values > 0) & (voxels >= _SMALLEST) & (voxels <= _LARGEST * size**3)]
    image, labels, framed = crop.image.astype(np.float32), crop.labels.copy(), crop.framed
    low, high = np.quantile(image[::2, ::2, ::2], [0.02, 0.98])
    for value in rng.permutation(fits)[:_MOST]:
        mask = (shapes == value) & crop.inside
        covered = float(image[mask].mean())
        shift = (high - low) * rng.uniform(0.2, 1.0) * (1 if rng.random() < 0.7 else -1)
        kept = rng.uniform(0, 0.6)  # of the texture beneath
        share = blurred(mask.astype(np.float32), rng.uniform(0.4, 1.2))  # partial volume
        image = image + share * (covered + shift + kept * (image - covered) - image)
        framed = int(labels.max()) + 1
        labels[mask] = framed
    return crop._replace(image=image.astype(np.float32), labels=labels, framed=framed)
