"""Slicer's "Grow from seeds" on arrays, without a scene."""

from __future__ import annotations

from typing import Sequence

import numpy as np
import slicer
import vtk
from vtk.util import numpy_support


def grow_from_seeds(voxels: np.ndarray, seeds: np.ndarray, spacing: Sequence[float]) -> np.ndarray:
    """Labels (k, j, i) grown from `seeds` through the image by `vtkImageGrowCutSegment`.

    voxels: (k, j, i) intensities. seeds: (k, j, i), 0 where there is none, else a label from 1 to 255. spacing:
    (sk, sj, si) in mm. Each voxel gets the label whose cheapest path to it has the least change of intensity.
    """
    # The filter never grows out of a volume's outermost voxels: seeds there would have no effect without a border.
    grow = slicer.vtkImageGrowCutSegment()
    grow.SetIntensityVolume(_image(np.pad(voxels.astype(np.float32), 1, mode="edge"), spacing))
    grow.SetSeedLabelVolume(_image(np.pad(seeds.astype(np.uint8), 1), spacing))
    grow.Update()
    labels = numpy_support.vtk_to_numpy(grow.GetOutput().GetPointData().GetScalars())
    return labels.reshape(np.add(voxels.shape, 2))[1:-1, 1:-1, 1:-1].copy()


def _image(array: np.ndarray, spacing: Sequence[float]) -> vtk.vtkImageData:
    image = vtk.vtkImageData()
    image.SetDimensions(*array.shape[::-1])
    image.SetSpacing(*[float(s) for s in spacing[::-1]])
    image.GetPointData().SetScalars(numpy_support.numpy_to_vtk(np.ascontiguousarray(array).ravel(), deep=True))
    return image
