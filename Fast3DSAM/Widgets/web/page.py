"""The page of a tab: bar, panel, views, status line. It shows state and sends names of actions; it computes nothing."""

from __future__ import annotations

from trame.ui.vuetify3 import VAppLayout
from trame.widgets import html
from trame.widgets import vuetify3 as v
from trame_server import Server
from trame_slicer.core import LayoutManager

from .attributes import raw
from .help_dialog import build_help
from .panel import build_panel
from .settings import APP_NAME
from .views import LAYOUTS
from .volume_nodes import AUTO, PRESETS

THEMES = {
    "themes": {
        "dark": {
            "dark": True,
            "colors": {"background": "#0d1117", "surface": "#161b22", "primary": "#4cc2a5", "error": "#ff7b72"},
        },
        "light": {
            "dark": False,
            "colors": {"background": "#eef1f5", "surface": "#ffffff", "primary": "#0b7a63", "error": "#c62828"},
        },
    }
}


def act(name: str, *values: str) -> str:
    """The template expression that asks the workspace for an action; `values` are expressions."""
    return f"trigger('act', [{', '.join([repr(name), *values])}])"


def build_page(server: Server, layouts: LayoutManager) -> VAppLayout:
    """Registers the page with the server. `layouts` fills the place of the views."""
    layout = VAppLayout(server, vuetify_config={"theme": THEMES})
    layout.root.theme = ("theme",)
    with layout:
        with v.VAppBar(flat=True, height=48, classes="app-bar"):
            _bar()
        with v.VNavigationDrawer(permanent=True, width=304, classes="panel", tag="aside", aria_label="Segmentation"):
            build_panel(act)
        with v.VMain():
            with html.Div(classes="stage"):
                with html.Div(classes="views"):
                    layouts.initialize_layout_grid(layout)
                _over_views()
        with v.VFooter(app=True, height=28, classes="status"):
            _status()
        build_help()
    return layout


def _bar() -> None:
    with html.Div(classes="brand"):
        html.Img(src="app/icon.svg", alt="", width=22, height=22)
        html.Span(APP_NAME)
    v.VBtn(
        "Open",
        prepend_icon="mdi-folder-open-outline",
        click="window.fast3dsam.choose(false)",
        variant="tonal",
        size="small",
        id="open-file",
    )
    v.VBtn(
        "DICOM folder",
        click="window.fast3dsam.choose(true)",
        variant="text",
        size="small",
    )
    with html.Div(classes="volume", v_if="volume_name"):
        html.Strong("{{ volume_name }}")
        html.Span("{{ volume_facts }}")
    v.VSpacer()
    _choice("Window", "preset", (AUTO, *PRESETS), act("preset", "$event"), 158)
    _choice("Views", "view_layout", LAYOUTS, act("layout", "$event"), 128)
    _icon("mdi-fit-to-page-outline", "Fit the views to the volume", act("fit"))
    _icon("mdi-crosshairs", "Cross-hair", act("crosshair", "!crosshair_on"), pressed="crosshair_on")
    _icon("mdi-theme-light-dark", "Light or dark", "window.fast3dsam.toggleTheme()")
    _icon("mdi-help-circle-outline", "Keys and help", "help_open = true")


def _choice(label: str, key: str, items, event: str, width: int) -> None:
    v.VSelect(
        model_value=(key,),
        items=(f"{key}_items", list(items)),
        update_modelValue=event,
        label=label,
        density="compact",
        variant="outlined",
        hide_details=True,
        classes="choice",
        style=f"max-width: {width}px; min-width: {width}px",
    )


def _icon(icon: str, label: str, click: str, pressed: str = "") -> None:
    extra = {"aria_pressed": (f"{pressed} ? 'true' : 'false'",)} if pressed else {}
    v.VBtn(
        icon=icon,
        click=click,
        size="small",
        variant="text",
        color=(f"{pressed} ? 'primary' : undefined",) if pressed else None,
        title=label,
        **raw(aria_label=label, **extra),
    )


def _over_views() -> None:
    """Progress, errors and the drop zone lie over the views."""
    with html.Div(classes="progress-card", v_if="stage === 'reading' || stage === 'preparing'", role="status"):
        html.Div("{{ progress_text }}", classes="progress-text")
        v.VProgressLinear(
            model_value=("progress",), indeterminate=("progress === 0",), color="primary", height=6, rounded=True
        )
        v.VBtn("Cancel", click=act("cancel"), size="small", variant="text", v_if="stage === 'preparing'")
    with html.Div(classes="progress-card", v_if="stage === 'failed' && volume_name", role="status"):
        html.Div("{{ progress_text || 'The volume is not prepared.' }}", classes="progress-text")
        v.VBtn("Prepare", click=act("prepare"), size="small", color="primary", variant="flat")
    with html.Div(classes="welcome", v_if="!volume_name && (stage === 'empty' || stage === 'failed')"):
        html.H1("Drop a volume here")
        html.P("NIfTI, NRRD or MHA file, or a folder of DICOM files. It stays on the computer that runs this app.")
        v.VBtn("Choose a file", click="window.fast3dsam.choose(false)", color="primary", variant="flat")
    with html.Div(classes="toast error-toast", v_if="error", role="alert", id="error"):
        v.VIcon("mdi-alert-circle-outline", size=18)
        html.Span("{{ error }}")
        v.VBtn(
            icon="mdi-close", click="error = ''", size="x-small", variant="text", **raw(aria_label="Close the message")
        )
    with html.Div(classes="toast", v_if="notice && !error", role="status"):
        html.Span("{{ notice }}")
        v.VBtn(
            icon="mdi-close", click="notice = ''", size="x-small", variant="text", **raw(aria_label="Close the hint")
        )
    with html.Div(classes="drop-zone", v_if="drop_active"):
        html.Span("Drop to open")
    with html.Div(classes="progress-card", v_if="upload_share >= 0", role="status"):
        html.Div("Sending {{ upload_share }} %", classes="progress-text")
        v.VProgressLinear(model_value=("upload_share",), color="primary", height=6, rounded=True)


def _status() -> None:
    html.Span(
        "{{ {empty: 'No volume', reading: 'Reading', preparing: 'Preparing', "
        "ready: 'Ready', failed: 'Not ready'}[stage] }}",
        classes="state",
        id="stage",
    )
    html.Span("{{ progress_text }}", v_if="stage === 'ready'")
    v.VSpacer()
    html.Span("computing", v_if="is_working", classes="working")
    html.Span(
        "{{ latency_ms }} ms per click",
        v_if="latency_ms",
        id="latency",
        title="From the click at the server to the segment in the scene",
    )
    html.Span(
        "predicted IoU {{ quality.toFixed(2) }}", v_if="quality >= 0", id="quality", title="The network's own estimate"
    )
    html.Span("{{ device_name }}", v_if="device_name", id="device")
