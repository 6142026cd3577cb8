"""The views of one tab: a scene, three slice views and a 3D view, drawn here and shown in the browser."""

from __future__ import annotations

from typing import Callable, Dict, List, Sequence

import numpy as np
from trame_server import Server
from trame_slicer.core import LayoutManager, SlicerApp
from trame_slicer.rca_view import RemoteViewFactory
from trame_slicer.views import (
    AbstractView,
    Layout,
    LayoutDirection,
    NoScheduleRendering,
    SliceView,
    ThreeDView,
    ViewLayoutDefinition,
    ViewType,
)

from .untying import untie

FOUR = "Four views"
# Names in the scene, as in Slicer, and what they show.
SLICES = {"Red": "Axial", "Yellow": "Sagittal", "Green": "Coronal"}
THREE_D = "ThreeD"
LAYOUTS = (FOUR, *SLICES.values(), "3D")
BACKGROUNDS = {"dark": ("#12161c", "#1d242d"), "light": ("#dfe5ec", "#f6f8fa")}


class Views:
    """Owns the `SlicerApp` (scene, logics) and its views; `decorate(server, trame_id, view)` draws over each."""

    def __init__(self, server: Server, decorate: Callable[[Server, str, AbstractView], None]) -> None:
        self.app = SlicerApp()
        self.scene = self.app.scene
        for make, kind in ((_undrawn(SliceView), ViewType.SLICE_VIEW), (_undrawn(ThreeDView), ViewType.THREE_D_VIEW)):
            self.app.view_manager.register_factory(
                RemoteViewFactory(
                    server, make, kind, populate_view_ui_f=decorate, blur_fps=20.0, interactive_quality=80
                )
            )
        self.layouts = LayoutManager(self.scene, self.app.view_manager, server)
        self.layouts.register_layout_dict(_layouts())
        self.layouts.set_layout(FOUR)
        self._theme = "dark"
        for view in self.slices:
            view.get_view_node().SetSliceVisible(False)

    @property
    def slices(self) -> List[SliceView]:
        return self.app.view_manager.get_slice_views()

    @property
    def three_d(self) -> ThreeDView:
        return self.app.view_manager.get_threed_views()[0]

    @property
    def interaction(self):
        return self.scene.GetNodeByID("vtkMRMLInteractionNodeSingleton")

    @property
    def crosshair(self):
        return self.scene.GetFirstNodeByClass("vtkMRMLCrosshairNode")

    def show_volume(self, node) -> None:
        """In all slices, fitted; the cross-hair in its middle."""
        self.app.display_manager.show_volume_in_slice_background(node)
        self.fit()
        bounds = np.zeros(6)
        node.GetRASBounds(bounds)
        self.crosshair.SetCrosshairRAS(*bounds.reshape(3, 2).mean(axis=1))

    def fit(self) -> None:
        """The whole volume in every view."""
        self.app.display_manager.reset_views()
        self.set_theme(self._theme)  # a view that is reset has its first background again

    def jump(self, ras: Sequence[float], but: object = None) -> None:
        """Show a world position in all slice views, one excepted."""
        for view in self.slices:
            if view is not but:
                view.get_view_node().JumpSliceByOffsetting(*ras)
        self.crosshair.SetCrosshairRAS(*ras)

    def nudge(self, spacing: Sequence[float], columns: int, rows: int, slices: int) -> None:
        """Move the cross-hair by so many voxels to the right, down and up as the axial view shows them."""
        x, y, z = self.crosshair.GetCrosshairRAS()
        self.jump((x - columns * spacing[0], y - rows * spacing[1], z + slices * spacing[2]))

    def show_crosshair(self, on: bool) -> None:
        """Lines through the present position in all slice views."""
        node = self.crosshair
        node.SetCrosshairMode(node.ShowBasic if on else node.NoCrosshair)
        node.SetCrosshairThickness(node.Fine)

    def adjust_window(self, on: bool) -> None:
        """The left button changes brightness and contrast, or takes hold of points."""
        node = self.interaction
        node.SetCurrentInteractionMode(node.AdjustWindowLevel if on else node.ViewTransform)

    def fit_3d(self) -> None:
        """All segments in the 3D view."""
        self.three_d.reset_view()
        self.set_theme(self._theme)

    def set_theme(self, theme: str) -> None:
        """Background of the 3D view; slices stay black, as images are read."""
        self._theme = theme
        self.three_d.set_background_color_from_string(BACKGROUNDS[theme])
        self.three_d.schedule_render()

    def render(self) -> None:
        """Draw all views soon."""
        for view in self.app.view_manager.get_views():
            view.schedule_render()

    async def close(self) -> None:
        """End drawing and free the scene."""
        views: Dict[str, AbstractView] = {v.get_singleton_tag(): v for v in self.app.view_manager.get_views()}
        for factory in self.app.view_manager._factories:
            for tag in views:
                if factory.has_view(tag):
                    await factory._views[tag].view_adapter.close()
        self.scene.Clear(True)
        for view in views.values():
            view.finalize()
        untie(self.app, views.values())


def _undrawn(view: Callable[..., AbstractView]) -> Callable[..., AbstractView]:
    """The view without drawing while it is made: else every change draws it, 244 times for a tab, two seconds."""
    return lambda **values: view(**values, scheduled_render_strategy=NoScheduleRendering())


def _layouts() -> Dict[str, Layout]:
    colours = {"Red": "#F34A33", "Yellow": "#EFD64D", "Green": "#6DAD4A"}
    slices = {tag: ViewLayoutDefinition.slice_view(name, label=tag, color=colours[tag]) for tag, name in SLICES.items()}
    three_d = ViewLayoutDefinition.threed_view(name=THREE_D, background_color=BACKGROUNDS["dark"])
    rows = [
        Layout(LayoutDirection.Horizontal, [slices["Red"], slices["Yellow"]]),
        Layout(LayoutDirection.Horizontal, [three_d, slices["Green"]]),
    ]
    single = {name: Layout(LayoutDirection.Vertical, [slices[tag]]) for tag, name in SLICES.items()}
    return {FOUR: Layout(LayoutDirection.Vertical, rows), **single, "3D": Layout(LayoutDirection.Vertical, [three_d])}
