"""The panel at the side: tools, history, segments, points, downloads."""

from __future__ import annotations

from typing import Callable

from trame.widgets import html
from trame.widgets import vuetify3 as v

from .attributes import raw

Act = Callable[..., str]
_TOOLS = (
    ("foreground", "mdi-plus-circle-outline", "Inside", "F", "Click inside the structure"),
    ("background", "mdi-minus-circle-outline", "Outside", "B", "Click where it is wrong; the right button does so too"),
    ("box", "mdi-selection", "Box", "X", "Draw a box around the structure"),
    ("window", "mdi-contrast-circle", "Window", "W", "Drag to change brightness and contrast"),
)
_FORMATS = (("NIfTI", "segments.nii.gz"), ("NRRD", "segments.nrrd"), ("Segments", "segments.seg.nrrd"))


def build_panel(act: Act) -> None:
    """Fills the panel; `act` makes the expressions of the buttons."""
    with html.Section(classes="tools", **raw(aria_label="Tools")):
        for tool, icon, label, key, title in _TOOLS:
            with html.Button(
                type="button",
                classes=(f"['tool', '{tool}', tool === '{tool}' ? 'is-on' : '']",),
                click=act("tool", f"'{tool}'"),
                title=f"{title} ({key})",
                id=f"tool-{tool}",
                **raw(aria_pressed=(f"tool === '{tool}' ? 'true' : 'false'",)),
            ):
                v.VIcon(icon, size=20)
                html.Span(label)
                html.Kbd(key)
    with html.Section(classes="history", **raw(aria_label="History")):
        _button("mdi-undo", "Undo", act("undo"), "undo", "!can_undo")
        _button("mdi-redo", "Redo", act("redo"), "redo", "!can_redo")
        _button("mdi-backspace-outline", "Reset", act("reset"), "reset", "!points.length && !has_box")
    with html.Section(classes="guide"):
        v.VBtn(
            "Click here next",
            prepend_icon="mdi-target",
            click="$event.currentTarget.blur(); " + act("suggest"),  # else Enter presses it again
            disabled=("stage !== 'ready' || !points.length",),
            block=True,
            size="small",
            variant="tonal",
            title="Go where the model is least sure (N); Enter clicks there",
            id="suggest",
        )
        _switch("Live preview", "preview_on", act("preview", "$event"))
        _switch("Other views follow the click", "follow_click", "follow_click = $event")
    _segments(act)
    _points(act)
    _downloads()


def _button(icon: str, label: str, click: str, id: str, disabled: str) -> None:
    v.VBtn(
        label, prepend_icon=icon, click=click, disabled=(disabled,), size="small", variant="text", id=id, title=label
    )


def _switch(label: str, key: str, event: str) -> None:
    v.VSwitch(
        model_value=(key,),
        update_modelValue=event,
        label=label,
        density="compact",
        hide_details=True,
        color="primary",
        inset=True,
        classes="switch",
    )


def _segments(act: Act) -> None:
    with html.Section(classes="segments", **raw(aria_label="Segments")):
        with html.Div(classes="section-head"):
            html.H2("Segments")
            v.VBtn(
                "Next",
                prepend_icon="mdi-plus",
                click=act("next_segment"),
                disabled=("stage !== 'ready'",),
                size="x-small",
                variant="tonal",
                title="Next segment (S)",
                id="next-segment",
            )
        with html.Ul(classes="rows"):
            with html.Li(
                v_for="s in segments",
                key="s.id",
                classes=("['row', 'segment', s.id === active_segment ? 'is-active' : '']",),
                data_segment=("s.id",),
            ):
                html.Input(
                    type="color",
                    value=("s.colour",),
                    change=act("recolour", "s.id", "$event.target.value"),
                    **raw(aria_label=("'Colour of ' + s.name",)),
                )
                with html.Div(classes="name"):
                    html.Input(
                        type="text",
                        value=("s.name",),
                        focus=f"s.id !== active_segment && {act('activate', 's.id')}",
                        change=act("rename", "s.id", "$event.target.value"),
                        maxlength=80,
                        spellcheck="false",
                        **raw(aria_label=("'Name of ' + s.name",)),
                    )
                    html.Span("{{ s.ml }}")
                _row_icon(
                    "s.visible ? 'mdi-eye-outline' : 'mdi-eye-off-outline'",
                    act("show_segment", "s.id", "!s.visible"),
                    "(s.visible ? 'Hide ' : 'Show ') + s.name",
                )
                _row_icon(
                    "s.locked ? 'mdi-lock' : 'mdi-lock-open-variant-outline'",
                    act("lock", "s.id", "!s.locked"),
                    "(s.locked ? 'Unlock ' : 'Lock ') + s.name",
                )
                _row_icon("'mdi-delete-outline'", act("remove_segment", "s.id"), "'Delete ' + s.name")
        html.P("Click into a structure; its segment appears here.", v_if="!segments.length", classes="hint")
        _switch("3D surface", "surface_on", act("surface", "$event"))


def _row_icon(icon: str, click: str, label: str) -> None:
    v.VBtn(icon=(icon,), click=click, size="x-small", variant="text", title=(label,), **raw(aria_label=(label,)))


def _points(act: Act) -> None:
    with html.Section(classes="points", v_if="points.length", **raw(aria_label="Points")):
        html.H2("Points")
        with html.Ul(classes="rows"):
            with html.Li(v_for="p in points", key="p.id", classes="row point"):
                with html.Button(
                    type="button",
                    classes=("['dot', p.positive ? 'foreground' : 'background']",),
                    click=act("flip_point", "p.id"),
                    **raw(
                        aria_label=(
                            "'Turn point ' + p.number + (p.positive ? ' into background' : ' into foreground')",
                        )
                    ),
                ):
                    html.Span("{{ p.positive ? '+' : '−' }}")
                html.Button(
                    "{{ p.ras.map(x => x.toFixed(0)).join(', ') }}",
                    type="button",
                    classes="place",
                    click=act("go_to", "p.ras"),
                    **raw(aria_label=("'Go to point ' + p.number",)),
                )
                _row_icon("'mdi-close'", act("remove_point", "p.id"), "'Delete point ' + p.number")


def _downloads() -> None:
    with html.Section(classes="downloads", **raw(aria_label="Download")):
        html.H2("Download")
        with html.Div(classes="formats"):
            for label, file in _FORMATS:
                v.VBtn(
                    label,
                    href=f"download/{file}",
                    disabled=("!segments.length",),
                    size="small",
                    variant="outlined",
                    id=f"download-{label.lower()}",
                    title=f"All segments as {file.partition('.')[2]}",
                    **raw(download=file),  # without it the browser leaves the page first, and the connection with it
                )
