"""A real 3D view without a screen that shows segments as surfaces."""

from __future__ import annotations

import numpy as np
import slicer
import vtk

from Fast3DSAM.Logic.mrml.shown import drawn

_MANAGER = "vtkMRMLSegmentationsDisplayableManager3D"


class SolidView:
    """`size` pixels along each side; looks at what is there when it is made."""

    def __init__(self, slicer_scene, size: int = 200) -> None:
        self.renderer = vtk.vtkRenderer()
        self.window = vtk.vtkRenderWindow()
        self.window.SetOffScreenRendering(1)
        self.window.SetMultiSamples(0)
        self.window.SetSize(size, size)
        self.window.AddRenderer(self.renderer)
        self._interactor = vtk.vtkRenderWindowInteractor()
        self._interactor.SetRenderWindow(self.window)
        self._interactor.Initialize()
        factory = slicer.vtkMRMLThreeDViewDisplayableManagerFactory.GetInstance()
        factory.SetMRMLApplicationLogic(slicer_scene.application_logic)
        if not factory.IsDisplayableManagerRegistered(_MANAGER):
            factory.RegisterDisplayableManager(_MANAGER)
        self._managers = slicer.vtkMRMLDisplayableManagerGroup()
        self._managers.Initialize(factory, self.renderer)
        node = slicer.vtkMRMLViewNode()
        node.SetLayoutName("1")
        self._managers.SetMRMLDisplayableNode(slicer_scene.scene.AddNode(node))
        self.renderer.ResetCamera()

    def picture(self) -> np.ndarray:
        """(y, x, 3) colours, uint8, y upwards."""
        return drawn(self.window).copy()

    def close(self) -> None:
        self._managers.SetMRMLDisplayableNode(None)
        self.window.Finalize()
