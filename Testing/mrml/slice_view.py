"""A real 2D slice view without a screen: Slicer's displayable managers and interactor style in an offscreen window."""

from __future__ import annotations

from pathlib import Path
from typing import Tuple

import numpy as np
import slicer
import slicer.util
import vtk
from vtk.util.numpy_support import vtk_to_numpy

_MANAGERS = (
    "vtkMRMLCrosshairDisplayableManager",
    "vtkMRMLModelSliceDisplayableManager",
    "vtkMRMLSegmentationsDisplayableManager2D",
    "vtkMRMLMarkupsDisplayableManager",
)


class SliceView:
    """Shows `volume` in an axial slice of `size` pixels, patient right at the left.

    Pixels are (x, y) from the lower left.
    """

    def __init__(self, slicer_scene, volume, size: int = 400) -> None:
        self.scene, self.size = slicer_scene.scene, size
        application = slicer_scene.application_logic
        self._renderer = vtk.vtkRenderer()
        self._renderer.GetActiveCamera().ParallelProjectionOn()
        self.window = vtk.vtkRenderWindow()
        self.window.SetOffScreenRendering(1)
        self.window.SetMultiSamples(0)
        self.window.SetSize(size, size)
        self.window.AddRenderer(self._renderer)
        self.interactor = vtk.vtkRenderWindowInteractor()
        self.interactor.SetRenderWindow(self.window)
        self.interactor.Initialize()
        self.interactor.SetInteractorStyle(vtk.vtkInteractorStyleUser())

        # The image actor must be the first prop, in the background layer, else it hides what the managers draw.
        mapper = vtk.vtkImageMapper()
        mapper.SetColorWindow(255)
        mapper.SetColorLevel(127.5)
        actor = vtk.vtkActor2D()
        actor.SetMapper(mapper)
        actor.GetProperty().SetDisplayLocationToBackground()
        self._renderer.AddViewProp(actor)

        factory = slicer.vtkMRMLSliceViewDisplayableManagerFactory.GetInstance()
        factory.SetMRMLApplicationLogic(application)
        for name in _MANAGERS:
            if not factory.IsDisplayableManagerRegistered(name):
                factory.RegisterDisplayableManager(name)
        self._managers = slicer.vtkMRMLDisplayableManagerGroup()
        self._managers.Initialize(factory, self._renderer)

        self.logic = slicer.vtkMRMLSliceLogic()
        self.logic.SetMRMLApplicationLogic(application)
        self.logic.SetMRMLScene(self.scene)
        self.node = self.logic.AddSliceNode("Red")
        self.node.SetOrientation("Axial")
        application.GetSliceLogics().AddItem(self.logic)
        self._managers.SetMRMLDisplayableNode(self.node)
        self._style = slicer.vtkMRMLSliceViewInteractorStyle()
        self._style.SetSliceLogic(self.logic)
        self._style.SetDisplayableManagers(self._managers)
        self._style.SetInteractor(self.interactor)

        self.logic.GetSliceCompositeNode().SetBackgroundVolumeID(volume.GetID())
        self.logic.ResizeSliceNode(size, size)
        self.logic.FitSliceToBackground()
        self._image, self._mapper = actor, mapper
        self.logic.UpdatePipeline()
        self._follow_image()
        # As Slicer's slice widget does: without a volume there is no image to draw.
        self._observer = self.logic.AddObserver("ModifiedEvent", lambda *_: self._follow_image())

    def show(self, position_ras) -> None:
        """Go to the slice through a world position."""
        self.node.JumpSliceByOffsetting(*position_ras)

    def pixel(self, position_ras) -> Tuple[int, int]:
        """Where a world position is drawn."""
        to_xy = np.linalg.inv(slicer.util.arrayFromVTKMatrix(self.node.GetXYToRAS()))
        return tuple(int(round(v)) for v in (to_xy @ (*position_ras, 1))[:2])

    def positions(self) -> np.ndarray:
        """(y, x, 3) world positions of all pixels."""
        y, x = np.indices((self.size, self.size))
        xy = np.stack([x, y, np.zeros_like(x), np.ones_like(x)], axis=-1)
        return (xy @ slicer.util.arrayFromVTKMatrix(self.node.GetXYToRAS()).T)[..., :3]

    def picture(self) -> np.ndarray:
        """(y, x, 3) colours, uint8, y upwards."""
        self.window.Render()
        grab = self._grabber()
        image = grab.GetOutput()
        return vtk_to_numpy(image.GetPointData().GetScalars()).reshape(self.size, self.size, -1)[..., :3].copy()

    def save(self, path: Path) -> None:
        """Keep the present picture as PNG."""
        self.window.Render()
        writer = vtk.vtkPNGWriter()
        writer.SetFileName(str(path))
        writer.SetInputData(self._grabber().GetOutput())
        writer.Write()

    def place_points_in(self, markups_node) -> None:
        """Each following click places a point in this node, as with Slicer's place button."""
        selection = self.scene.GetNodeByID("vtkMRMLSelectionNodeSingleton")
        selection.SetReferenceActivePlaceNodeClassName(markups_node.GetClassName())
        selection.SetActivePlaceNodeID(markups_node.GetID())
        interaction = self.scene.GetNodeByID("vtkMRMLInteractionNodeSingleton")
        interaction.SetPlaceModePersistence(1)
        interaction.SetCurrentInteractionMode(interaction.Place)

    def stop_placing(self) -> None:
        interaction = self.scene.GetNodeByID("vtkMRMLInteractionNodeSingleton")
        interaction.SetCurrentInteractionMode(interaction.ViewTransform)

    def click(self, x: int, y: int, shift: bool = False) -> None:
        """Move the mouse there, press and release its left button."""
        self.move(x - 3, y, shift)
        self.move(x, y, shift)
        self.interactor.LeftButtonPressEvent()
        self.interactor.LeftButtonReleaseEvent()

    def double_click(self) -> None:
        """Where the mouse is; ends a drawing of Slicer's."""
        self.interactor.InvokeEvent("LeftButtonDoubleClickEvent")
        self.interactor.LeftButtonReleaseEvent()

    def drag(self, start: Tuple[int, int], end: Tuple[int, int], steps: int = 4) -> None:
        """Press at `start`, move in `steps`, release at `end`."""
        self.move(start[0] - 3, start[1])
        self.move(*start)
        self.interactor.LeftButtonPressEvent()
        for n in range(1, steps + 1):
            self.move(*(round(a + (b - a) * n / steps) for a, b in zip(start, end)))
        self.interactor.LeftButtonReleaseEvent()

    def move(self, x: int, y: int, shift: bool = False) -> None:
        self.interactor.SetEventInformation(x, y, 0, int(shift))
        self.interactor.MouseMoveEvent()

    def close(self) -> None:
        self.logic.RemoveObserver(self._observer)
        self._style.SetInteractor(None)
        self._managers.SetMRMLDisplayableNode(None)
        self.window.Finalize()

    def _follow_image(self) -> None:
        connection = self.logic.GetImageDataConnection()
        self._image.SetVisibility(connection is not None)
        self._mapper.SetInputConnection(connection)

    def _grabber(self):
        grab = vtk.vtkWindowToImageFilter()
        grab.SetInput(self.window)
        grab.ReadFrontBufferOff()
        grab.Update()
        return grab
