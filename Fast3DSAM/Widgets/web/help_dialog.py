"""Keys and mouse at a glance."""

from __future__ import annotations

from trame.widgets import html
from trame.widgets import vuetify3 as v

KEYS = (
    ("F, B", "click inside, click outside"),
    ("X, W", "draw a box, change brightness and contrast"),
    ("Ctrl+Z, Ctrl+Y", "undo, redo"),
    ("S", "next segment"),
    ("N, Enter", "go where the model is least sure, click at the cross-hair"),
    ("Arrows, Page Up/Down", "move the cross-hair; Enter clicks there"),
    ("Delete", "remove the last point"),
    ("P, C", "live preview, cross-hair"),
    ("1 to 5", "four views, axial, sagittal, coronal, 3D"),
    ("Left button", "click; drag a point to move it"),
    ("Right button", "click outside; drag to zoom"),
    ("Wheel, Shift+drag", "through the slices, move the image"),
)


def build_help() -> None:
    """A dialog that the bar's button and the key ? open."""
    with v.VDialog(v_model=("help_open",), max_width=460):
        with v.VCard(title="Keys and mouse", classes="help"):
            with v.VCardText():
                with html.Dl():
                    for key, text in KEYS:
                        html.Dt(key)
                        html.Dd(text)
                html.P("Not a medical device: for research, check every segment before you use it.")
            with v.VCardActions():
                v.VSpacer()
                v.VBtn("Close", click="help_open = false")
