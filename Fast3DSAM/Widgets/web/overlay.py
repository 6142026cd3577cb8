"""What is drawn over the slices: the outline that a click would give, and the box."""

from __future__ import annotations

from typing import Dict, Optional, Tuple

import numpy as np
import slicer
import slicer.util
import vtk

from ...Logic.geometry import VolumeGeometry
from ...Logic.mrml.outline import slice_outline

_COLOURS = {True: (0.35, 1.0, 0.45), False: (1.0, 0.45, 0.4)}
BOX_ATTRIBUTE = "Fast3DSAM.Box"


class PreviewOutline:
    """A thin line in every slice view around the segment that a click would give."""

    def __init__(self) -> None:
        self._drawn: Dict[object, Tuple[vtk.vtkActor2D, vtk.vtkPolyDataMapper2D]] = {}
        self.is_shown = False

    def show(self, views, update, geometry: VolumeGeometry, positive: bool) -> None:
        """Draw the mask of `update`, green for a foreground click, red for background."""
        for view in views:
            node = view.get_view_node()
            lines = slice_outline(
                update.box,
                update.box_mask,
                geometry,
                slicer.util.arrayFromVTKMatrix(node.GetXYToRAS()),
                tuple(node.GetDimensions()[:2]),
            )
            actor, mapper = self._of(view)
            mapper.SetInputData(lines)
            actor.GetProperty().SetColor(*_COLOURS[positive])
            actor.SetVisibility(True)
            view.schedule_render()
        self.is_shown = True

    def hide(self) -> None:
        """Take the lines away."""
        if self.is_shown:
            for view, (actor, _) in self._drawn.items():
                actor.SetVisibility(False)
                view.schedule_render()
        self.is_shown = False

    def _of(self, view):
        if view not in self._drawn:
            mapper = vtk.vtkPolyDataMapper2D()
            mapper.ScalarVisibilityOff()  # else the contour values decide the colour
            actor = vtk.vtkActor2D()
            actor.SetMapper(mapper)
            actor.GetProperty().SetLineWidth(1.5)
            actor.PickableOff()
            view.first_renderer().AddViewProp(actor)
            self._drawn[view] = (actor, mapper)
        return self._drawn[view]


class BoxOutline:
    """The box of the active segment as a region of interest without handles."""

    def __init__(self, scene) -> None:
        self._scene = scene
        self._node: Optional[object] = None

    def show(self, low: np.ndarray, high: np.ndarray, axes: np.ndarray) -> None:
        """From corner to corner (world millimetres) along three unit `axes`, the columns of a 3x3 matrix."""
        node = self._node or self._made()
        centre, diagonal = (low + high) / 2, np.abs(axes.T @ (high - low))
        with slicer.util.NodeModify(node):
            matrix = np.eye(4)
            matrix[:3, :3], matrix[:3, 3] = axes, centre
            node.SetAndObserveObjectToNodeMatrix(slicer.util.vtkMatrixFromArray(matrix))
            node.SetSize(*np.maximum(diagonal, 0.1))
        node.GetDisplayNode().SetVisibility(True)

    def hide(self) -> None:
        if self._node is not None:
            self._node.GetDisplayNode().SetVisibility(False)

    def _made(self):
        self._node = node = self._scene.AddNewNodeByClass("vtkMRMLMarkupsROINode", "Box")
        node.CreateDefaultDisplayNodes()
        node.SetAttribute(BOX_ATTRIBUTE, "1")
        node.SetLocked(True)
        display = node.GetDisplayNode()
        display.SetHandlesInteractive(False)
        display.SetPropertiesLabelVisibility(False)
        display.SetFillOpacity(0.0)
        display.SetSelectedColor(1.0, 0.8, 0.2)
        display.SetColor(1.0, 0.8, 0.2)
        return node
