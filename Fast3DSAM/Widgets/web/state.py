"""What the page shows, by the name under which its templates know it."""

from __future__ import annotations

from typing import Any, Dict

from .views import FOUR

TOOLS = ("foreground", "background", "box", "window")
INITIAL: Dict[str, Any] = {
    "tool": "foreground",
    "theme": "dark",
    "view_layout": FOUR,
    "preset": "",
    "volume_name": "",
    "volume_facts": "",
    "stage": "empty",  # empty, reading, preparing, ready, failed
    "progress": 0.0,
    "progress_text": "",
    "error": "",
    "notice": "",
    "is_working": False,
    "segments": [],
    "active_segment": "",
    "points": [],
    "can_undo": False,
    "can_redo": False,
    "has_box": False,
    "preview_on": True,
    "crosshair_on": False,
    "surface_on": False,
    "follow_click": True,
    "latency_ms": 0,
    "quality": -1.0,
    "device_name": "",
    "drop_active": False,
    "upload_share": -1.0,
    "help_open": False,
    "releases": 0,
    "timing": {},
}
