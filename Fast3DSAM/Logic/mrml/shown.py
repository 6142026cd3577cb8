"""A volume, one segment and an axial slice view without a screen: to time a mask's way into the scene and to pixels."""

from __future__ import annotations

import numpy as np
import slicer
import slicer.util
import vtk
from vtk.util.numpy_support import numpy_to_vtk, vtk_to_numpy

from ..geometry import Box
from .segmentations import SegmentationTarget, new_segmentation
from .volumes import read_volume

_MANAGERS = ("vtkMRMLSegmentationsDisplayableManager2D",)
_LOGICS = {
    "Colors": "vtkMRMLColorLogic",
    "SubjectHierarchy": "vtkSlicerSubjectHierarchyModuleLogic",
    "Segmentations": "vtkSlicerSegmentationsModuleLogic",
}


def drawn(window) -> np.ndarray:
    """Draws a `vtkRenderWindow` once and reads it back: colours (y, x, 3) uint8, y upwards."""
    window.Render()
    grab = vtk.vtkWindowToImageFilter()
    grab.SetInput(window)
    grab.ReadFrontBufferOff()
    grab.ShouldRerenderOff()
    grab.Update()
    image = grab.GetOutput()
    return vtk_to_numpy(image.GetPointData().GetScalars()).reshape(*image.GetDimensions()[1::-1], -1)


class ShownVolume:
    """A scene of its own; `voxels` (k, j, i) of 1 mm are not copied. The view has `size` pixels along each side."""

    def __init__(self, voxels: np.ndarray, size: int = 512) -> None:
        self.scene = slicer.vtkMRMLScene()
        self._application = slicer.vtkSlicerApplicationLogic()
        self._start()
        node = self.scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "volume")
        image = slicer.vtkOrientedImageData()
        image.SetDimensions(voxels.shape[::-1])
        image.GetPointData().SetScalars(numpy_to_vtk(voxels.reshape(-1)))
        node.SetAndObserveImageData(image)
        node.CreateDefaultDisplayNodes()
        display = node.GetDisplayNode()
        display.SetAndObserveColorNodeID("vtkMRMLColorTableNodeGrey")
        display.SetAutoWindowLevel(False)  # as after loading: the histogram is not part of a frame
        display.SetWindowLevel(255, 100)
        volume = read_volume(node)
        self.target = SegmentationTarget(new_segmentation(self.scene, volume), volume)
        self._segment = self.target.add("measured")
        self._before = Box.empty()
        self._look_at(node, size)

    def write(self, box: Box, mask: np.ndarray) -> None:
        """The segment becomes `mask` (in `box`), as after a click: the old and the new box, and Slicer's undo state."""
        whole = self._before.union(box)
        part = np.zeros(whole.shape, bool)
        part[box.shifted([-v for v in whole.lo]).slices] = mask
        self.target.save_state()
        self.target.write(self._segment, whole, part)
        self._before = box

    def draw(self, box: Box) -> np.ndarray:
        """The slice through the middle of `box`, as colours (y, x, 3) uint8 that were read back from the window."""
        middle = (np.asarray(box.lo) + np.asarray(box.hi)) / 2
        self._slice.GetSliceNode().JumpSliceByOffsetting(*middle[::-1])
        return drawn(self.window)

    def close(self) -> None:
        self._managers.SetMRMLDisplayableNode(None)
        self.window.Finalize()

    def _start(self) -> None:
        self._application.SetMRMLScene(self.scene)
        self._application.GetColorLogic().SetMRMLScene(self.scene)
        self._application.GetColorLogic().AddDefaultColorNodes()
        self._application.SetSliceLogics(vtk.vtkCollection())
        self._application.SetViewLogics(vtk.vtkCollection())
        slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(self.scene, True)
        self._logics = {name: getattr(slicer, kind)() for name, kind in _LOGICS.items()}  # the application keeps none
        for name, logic in self._logics.items():
            logic.SetMRMLScene(self.scene)
            logic.SetMRMLApplicationLogic(self._application)
            self._application.SetModuleLogic(name, logic)

    def _look_at(self, volume_node, size: int) -> None:
        renderer = vtk.vtkRenderer()
        renderer.GetActiveCamera().ParallelProjectionOn()
        self.window = vtk.vtkRenderWindow()
        self.window.SetOffScreenRendering(1)
        self.window.SetMultiSamples(0)
        self.window.SetSize(size, size)
        self.window.AddRenderer(renderer)
        self._interactor = vtk.vtkRenderWindowInteractor()
        self._interactor.SetRenderWindow(self.window)
        self._interactor.Initialize()
        self._interactor.SetInteractorStyle(vtk.vtkInteractorStyleUser())
        # the volume must be the first prop, in the background, else it hides what the managers draw
        mapper, actor = vtk.vtkImageMapper(), vtk.vtkActor2D()
        mapper.SetColorWindow(255)
        mapper.SetColorLevel(127.5)
        actor.SetMapper(mapper)
        actor.GetProperty().SetDisplayLocationToBackground()
        renderer.AddViewProp(actor)
        factory = slicer.vtkMRMLSliceViewDisplayableManagerFactory.GetInstance()
        factory.SetMRMLApplicationLogic(self._application)
        for name in _MANAGERS:
            if not factory.IsDisplayableManagerRegistered(name):
                factory.RegisterDisplayableManager(name)
        self._managers = slicer.vtkMRMLDisplayableManagerGroup()
        self._managers.Initialize(factory, renderer)
        self._slice = slicer.vtkMRMLSliceLogic()
        self._slice.SetMRMLApplicationLogic(self._application)
        self._slice.SetMRMLScene(self.scene)
        node = self._slice.AddSliceNode("Red")
        node.SetOrientation("Axial")
        self._application.GetSliceLogics().AddItem(self._slice)
        self._managers.SetMRMLDisplayableNode(node)
        self._slice.GetSliceCompositeNode().SetBackgroundVolumeID(volume_node.GetID())
        self._slice.ResizeSliceNode(size, size)
        self._slice.FitSliceToBackground()
        mapper.SetInputConnection(self._slice.GetImageDataConnection())
        self._slice.UpdatePipeline()
