"""3D surfaces of segments in tests: what is shown, what would be true, and a pause that is over when a test says so."""

from __future__ import annotations

from typing import Callable, Optional

import numpy as np
import slicer
from vtk.util.numpy_support import vtk_to_numpy

SURFACE, LABELMAP = "Closed surface", "Binary labelmap"


class HandPause:
    """`Later` by hand."""

    def __init__(self) -> None:
        self.call: Optional[Callable[[], None]] = None

    @property
    def is_waiting(self) -> bool:
        return self.call is not None

    def after_pause(self, call: Callable[[], None]) -> None:
        self.call = call

    def cancel(self) -> None:
        self.call = None

    def over(self) -> None:
        """Whatever waits is done now."""
        call, self.call = self.call, None
        if call is not None:
            call()


def surface_of(segmentation_node, segment_id):
    """The surface that the scene has of a segment; None where it has none."""
    return segmentation_node.GetSegmentation().GetSegment(segment_id).GetRepresentation(SURFACE)


def points_of(surface) -> np.ndarray:
    """(n, 3) copy of its points; (0, 3) where it is empty."""
    if surface.GetNumberOfPoints() == 0:
        return np.zeros((0, 3))
    return vtk_to_numpy(surface.GetPoints().GetData()).copy()


def true_points(segmentation_node, segment_id) -> np.ndarray:
    """Points of the surface that Slicer makes of the segment's labelmap in a segmentation of its own."""
    segment = segmentation_node.GetSegmentation().GetSegment(segment_id)
    image, copy, alone = slicer.vtkOrientedImageData(), slicer.vtkSegment(), slicer.vtkSegmentation()
    image.DeepCopy(segment.GetRepresentation(LABELMAP))
    copy.SetLabelValue(segment.GetLabelValue())
    copy.AddRepresentation(LABELMAP, image)
    alone.SetSourceRepresentationName(LABELMAP)
    alone.AddSegment(copy, "copy")
    assert alone.CreateRepresentation(SURFACE)
    return points_of(copy.GetRepresentation(SURFACE))


def is_true(segmentation_node, segment_id) -> bool:
    """Whether the surface is that of the segment as it is now."""
    return np.array_equal(
        points_of(surface_of(segmentation_node, segment_id)), true_points(segmentation_node, segment_id)
    )
