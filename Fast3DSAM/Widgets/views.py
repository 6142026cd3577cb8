"""The slice views of the application, and where the mouse is in them."""

from __future__ import annotations

from typing import Callable, Dict, NamedTuple, Optional, Tuple

import numpy as np
import slicer
import slicer.util
import vtk

from ..Logic.mrml.observers import Observers

_FIRST = 100.0  # before the view's own handling of the mouse


class View(NamedTuple):
    """A slice view: its node, its render window, the interactor that hears the mouse, and a way to have it drawn.

    `draw_soon` returns at once; the view is drawn when the event loop comes to it. Drawing at once would read a scene
    that is half closed, and once for each of several changes.
    """

    node: object
    window: object
    interactor: object
    draw_soon: Callable[[], None]

    @property
    def renderer(self):
        return self.window.GetRenderers().GetFirstRenderer()

    def xy_to_ras(self):
        """4x4 array from pixels to world millimetres."""
        return slicer.util.arrayFromVTKMatrix(self.node.GetXYToRAS())

    @property
    def size(self) -> Tuple[int, int]:
        """(width, height) in pixels."""
        return tuple(self.node.GetDimensions()[:2])


def slice_views() -> Dict[str, View]:
    """All slice views that exist now, by the ID of their slice node; none where there is no main window."""
    layout = slicer.app.layoutManager()
    views = {}
    for name in layout.sliceViewNames() if layout is not None else ():
        widget = layout.sliceWidget(name)
        node = widget.sliceLogic().GetSliceNode()
        view = widget.sliceView()
        window = view.renderWindow()
        views[node.GetID()] = View(node, window, window.GetInteractor(), view.scheduleRender)
    return views


def cursor_position(scene) -> Optional[Tuple[float, float, float]]:
    """World position under the mouse; None while it is in no view."""
    ras = [0.0, 0.0, 0.0]
    crosshair = crosshair_node(scene)
    return tuple(ras) if crosshair is not None and crosshair.GetCursorPositionRAS(ras) else None


def crosshair_node(scene):
    """The node that every view tells where the mouse is."""
    return scene.GetFirstNodeByClass("vtkMRMLCrosshairNode")


def shift_is_down(scene) -> bool:
    """Whether the shift key was held at the last mouse event in the view under the mouse."""
    crosshair = crosshair_node(scene)
    node = crosshair.GetCursorPositionXYZ([0.0, 0.0, 0.0]) if crosshair is not None else None
    view = slice_views().get(node.GetID()) if node is not None else None
    return view is not None and bool(view.interactor.GetShiftKey())


def jump_to(scene, position_ras) -> None:
    """Show a world position in all slice views, in the middle where they allow it."""
    slicer.vtkMRMLSliceNode.JumpAllSlices(scene, *position_ras, slicer.vtkMRMLSliceNode.CenteredJumpSlice)


class ShiftClicks:
    """Calls `clicked(ras)` for each click with shift in a view; a drag with shift stays the view's own (it pans).

    Slicer's place mode does not hear of clicks with shift.
    """

    def __init__(self, view: View, clicked: Callable[[np.ndarray], None]) -> None:
        self._view, self._clicked = view, clicked
        self._pressed: Optional[Tuple[int, int]] = None
        self._observers = Observers()
        self._observers.add(view.interactor, "LeftButtonPressEvent", self._press, priority=_FIRST)
        self._observers.add(view.interactor, "LeftButtonReleaseEvent", self._release, priority=_FIRST)

    def stop(self) -> None:
        self._observers.clear()

    def _press(self) -> None:
        interactor = self._view.interactor
        self._pressed = interactor.GetEventPosition() if interactor.GetShiftKey() else None

    def _release(self) -> None:
        place, self._pressed = self._pressed, None
        if place is not None and place == self._view.interactor.GetEventPosition():
            self._clicked((self._view.xy_to_ras() @ (*place, 0, 1))[:3])


class OutlineActor:
    """Lines over a slice view, in pixels; made once per view and then moved."""

    def __init__(self, view: View, colour: Tuple[float, float, float], width: float) -> None:
        self._view = view
        self._mapper = vtk.vtkPolyDataMapper2D()
        self._mapper.SetInputData(vtk.vtkPolyData())
        self._mapper.ScalarVisibilityOff()
        self._actor = vtk.vtkActor2D()
        self._actor.SetMapper(self._mapper)
        self._actor.GetProperty().SetLineWidth(width)
        self._actor.GetProperty().SetColor(*colour)
        self._actor.PickableOff()
        view.renderer.AddViewProp(self._actor)

    def show(self, lines: vtk.vtkPolyData, colour: Tuple[float, float, float]) -> None:
        """Draw these lines in place of the last ones, if either is anything to see."""
        before = self._mapper.GetInput().GetNumberOfCells()
        self._mapper.SetInputData(lines)
        self._actor.GetProperty().SetColor(*colour)
        if before or lines.GetNumberOfCells():
            self._view.draw_soon()

    def remove(self) -> None:
        self._view.renderer.RemoveViewProp(self._actor)
