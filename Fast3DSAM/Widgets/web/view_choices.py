"""How the views are shown: layout, window, cross-hair, theme. What is chosen stands in the state."""

from __future__ import annotations

from .views import LAYOUTS, Views
from .volume_nodes import AUTO, PRESETS, show_preset


class ViewChoices:
    """Each method takes what a page sends, and ignores what is no choice."""

    def __init__(self, state, views: Views) -> None:
        self._state, self._views = state, views

    def set_layout(self, name: str) -> None:
        """Four views, or one large one."""
        if name in LAYOUTS:
            self._state.view_layout = name
            self._views.layouts.set_layout(name)

    def set_preset(self, volume, name: str) -> None:
        """Brightness and contrast of the volume."""
        if volume is not None and name in (AUTO, *PRESETS):
            show_preset(volume, name)
            self._state.preset = name

    def set_crosshair(self, on: bool) -> None:
        self._state.crosshair_on = bool(on)
        self._views.show_crosshair(bool(on))

    def set_theme(self, theme: str) -> None:
        """Dark or light."""
        if theme in ("dark", "light"):
            self._state.theme = theme
            self._views.set_theme(theme)
