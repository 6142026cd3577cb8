"""Small labelled volumes, in memory and as files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

SPACING = (2.0, 1.0, 1.0)


def ellipsoid(shape, centre, radii) -> np.ndarray:
    grid = np.meshgrid(*[np.arange(n) for n in shape], indexing="ij")
    return sum(((g - c) / r) ** 2 for g, c, r in zip(grid, centre, radii)) <= 1


def labelled_volume(seed: int = 0):
    """(voxels, labels), (k, j, i): a bright organ 1, a darker organ 2, a speck 3, in noise."""
    shape = (16, 28, 30)
    labels = np.zeros(shape, np.uint8)
    labels[ellipsoid(shape, (7, 10, 9), (4, 7, 6))] = 1
    labels[ellipsoid(shape, (8, 18, 21), (4, 6, 6))] = 2
    labels[1, 2, 2:4] = 3
    noise = np.random.default_rng(seed).normal(0, 6, shape)
    return (np.array([0, 200, 110, 300])[labels] + noise).astype(np.float32), labels


def write(array: np.ndarray, path: Path, spacing=SPACING) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = sitk.GetImageFromArray(array)
    image.SetSpacing([float(s) for s in spacing[::-1]])
    sitk.WriteImage(image, str(path))
    return path


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """A folder `images` beside `labels` with cases a and b."""
    for seed, name in enumerate("ab"):
        voxels, labels = labelled_volume(seed)
        write(voxels, tmp_path / "data" / "images" / f"{name}.nii.gz")
        write(labels, tmp_path / "data" / "labels" / f"{name}.nii.gz")
    return tmp_path / "data"
