"""Volume files as MRML nodes, window presets included."""

from __future__ import annotations

from typing import Dict, Tuple

import numpy as np
import slicer
import slicer.util
import vtk
from vtk.util.numpy_support import numpy_to_vtk

from ...Logic.volume_files import VolumeFile

# (window, level); CT values in Hounsfield units.
PRESETS: Dict[str, Tuple[float, float]] = {
    "CT soft tissue": (400, 40),
    "CT abdomen": (350, 60),
    "CT lung": (1500, -600),
    "CT bone": (1800, 400),
    "CT brain": (80, 40),
}
AUTO = "Automatic"


def add_volume(scene, volume: VolumeFile, name: str):
    """A scalar volume node with the voxels of a file."""
    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
    voxels = np.ascontiguousarray(_supported(volume.voxels))
    image = vtk.vtkImageData()
    image.SetDimensions(voxels.shape[::-1])
    scalars = numpy_to_vtk(voxels.ravel(), deep=False)
    scalars.SetName("voxels")
    image.GetPointData().SetScalars(scalars)
    node.SetAndObserveImageData(image)
    node.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(volume.geometry.ijk_to_ras))
    node.CreateDefaultDisplayNodes()
    return node


def suitable_preset(voxels: np.ndarray) -> str:
    """Soft tissue for CT: air far below zero is what only Hounsfield units have."""
    is_ct = bool(voxels.size) and -3100 < float(voxels[::4, ::4, ::4].min()) <= -500
    return "CT soft tissue" if is_ct else AUTO


def show_preset(node, name: str) -> Tuple[float, float]:
    """Apply a window preset, or the volume's own range; returns (window, level)."""
    display = node.GetDisplayNode()
    if name in PRESETS:
        window, level = PRESETS[name]
    else:
        low, high = _own_range(slicer.util.arrayFromVolume(node))
        window, level = max(high - low, 1e-6), (high + low) / 2
    display.SetAutoWindowLevel(False)
    display.SetWindowLevel(window, level)
    return window, level


def _own_range(voxels: np.ndarray) -> Tuple[float, float]:
    sample = voxels[:: max(1, voxels.shape[0] // 64), ::4, ::4].astype(float)
    finite = sample[np.isfinite(sample)]
    return tuple(np.percentile(finite, (0.5, 99.5))) if finite.size else (0.0, 1.0)


def _supported(voxels: np.ndarray) -> np.ndarray:
    """Types that Slicer's pipelines draw; 64-bit integers become floats."""
    return voxels.astype(np.float64) if voxels.dtype.kind in "iu" and voxels.dtype.itemsize == 8 else voxels
