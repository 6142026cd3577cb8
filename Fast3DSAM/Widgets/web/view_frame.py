"""What lies over each view in the page: its name, a slider through the slices, a button that makes it large."""

from __future__ import annotations

from trame.widgets import html
from trame.widgets import vuetify3 as v
from trame_server import Server
from trame_slicer.views import AbstractView, SliceView

from .attributes import raw
from .views import FOUR, SLICES

# Directions of growing and falling offsets of Slicer's slice nodes.
_DIRECTIONS = {"Red": "SI", "Yellow": "LR", "Green": "AP"}
COLOURS = {"Red": "#f0604d", "Yellow": "#e0c53c", "Green": "#6cb556", "ThreeD": "#8aa4c8"}


class ViewFrames:
    """Draws the frames of one tab, and ties sliders and slice views together."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def decorate(self, server: Server, _view_id: str, view: AbstractView) -> None:
        """Called while the view's template is built."""
        tag = view.get_singleton_tag()
        name = SLICES.get(tag, "3D")
        is_slice = isinstance(view, SliceView)
        with html.Div(classes="view-head" if is_slice else "view-head on-theme"):
            html.Span(name, classes="view-name", style=f"--view-colour: {COLOURS[tag]}")
            if is_slice:
                up, down = _DIRECTIONS[tag]
                value = f"Number(slice_{tag})"
                html.Span(
                    f"{{{{ {value} < 0 ? '{down}' : '{up}' }}}} {{{{ Math.abs({value}).toFixed(1) }}}} mm",
                    v_if="volume_name",
                    classes="view-place",
                )
            v.VBtn(
                icon=(f"view_layout === '{FOUR}' ? 'mdi-arrow-expand' : 'mdi-arrow-collapse'",),
                click=f"trigger('act', ['layout', view_layout === '{FOUR}' ? '{name}' : '{FOUR}'])",
                size="x-small",
                variant="text",
                classes="view-button",
                **raw(aria_label=(f"(view_layout === '{FOUR}' ? 'Enlarge ' : 'Four views instead of ') + '{name}'",)),
            )
        if is_slice:
            self._slider(server, view, tag, name)
        else:
            html.Div("Switch on “3D surface” to see the segments here", v_if="!surface_on", classes="view-hint")

    def _slider(self, server: Server, view: SliceView, tag: str, name: str) -> None:
        state, key = server.state, f"slice_{tag}"
        state.setdefault(key, 0.0)
        state.setdefault(f"{key}_range", [0.0, 1.0, 1.0])

        def follow_view(*_) -> None:
            with state:
                low, high = view.get_slice_range()
                state[f"{key}_range"] = [float(low), float(high), float(view.get_slice_step())]
                state[key] = round(float(view.get_slice_value()), 3)

        @state.change(key)
        def follow_slider(**values) -> None:
            if abs(float(values[key]) - view.get_slice_value()) > 1e-3:
                view.set_slice_value(float(values[key]))

        view.modified.connect(follow_view)
        html.Input(
            type="range",
            classes="slice-slider",
            v_model_number=(key,),
            min=(f"{key}_range[0]",),
            max=(f"{key}_range[1]",),
            step=(f"{key}_range[2]",),
            style=f"--view-colour: {COLOURS[tag]}",
            **raw(aria_label=f"Slice of the {name.lower()} view"),
        )
