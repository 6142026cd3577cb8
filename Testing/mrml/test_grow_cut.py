from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("slicer", reason="slicer-core is not installed")

from Fast3DSAM.Logic.mrml.grow_cut import grow_from_seeds


def test_labels_grow_up_to_the_edge_between_them():
    voxels = np.random.default_rng(0).normal(0, 0.05, (14, 20, 26)).astype(np.float32)
    cube = (slice(4, 9), slice(5, 15), slice(3, 20))
    voxels[cube] += 1
    seeds = np.zeros(voxels.shape, np.uint8)
    seeds[6, 10, 10] = 1
    seeds[0] = 2  # on the border of the volume, where the filter alone would not start
    labels = grow_from_seeds(voxels, seeds, (2.0, 1.0, 1.0))
    expected = np.full(voxels.shape, 2)
    expected[cube] = 1
    np.testing.assert_array_equal(labels, expected)


def test_axes_are_not_exchanged():
    voxels = np.zeros((5, 7, 9), np.float32)
    voxels[:, :, 4:] = 1
    seeds = np.zeros(voxels.shape, np.uint8)
    seeds[2, 3, 1], seeds[2, 3, 7] = 1, 2
    labels = grow_from_seeds(voxels, seeds, (1.0, 1.0, 1.0))
    assert (labels[:, :, :4] == 1).all() and (labels[:, :, 4:] == 2).all()
