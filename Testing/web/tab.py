"""A tab of the app in a real browser: what a user does with mouse and keys, and what they see."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any, Dict, Tuple

import numpy as np
from PIL import Image

Spot = Tuple[float, float]
_FIND_VIEW = """
name => {
  const heads = Array.from(document.querySelectorAll(".layout-grid-item .view-name"));
  const item = heads.find(head => head.textContent.includes(name))?.closest(".layout-grid-item");
  if (!item) return null;
  const { x, y, width, height } = item.getBoundingClientRect();
  return { x, y, width, height };
}
"""


class BrowserTab:
    """Positions in a view are shares of its width and height from the upper left corner."""

    def __init__(self, page) -> None:
        self.page = page

    def state(self, name: str) -> Any:
        """A value of the page's state."""
        return self.page.evaluate(f"window.trame.state.state.{name}")

    def wait(self, condition: str) -> None:
        """Until an expression over the state is true."""
        self.page.wait_for_function(
            "condition => { const s = window.trame?.state?.state; "
            "return !!s && !!s.stage && new Function('s', `with (s) { return (${condition}) }`)(s) }",
            arg=condition,
        )

    def place(self, spot: Spot, view: str = "Axial") -> Tuple[float, float]:
        """Pixels of the page."""
        box = self._box(view)
        return box["x"] + spot[0] * box["width"], box["y"] + spot[1] * box["height"]

    def click(self, spot: Spot, view: str = "Axial", button: str = "left") -> None:
        """Click, and wait until the segment has followed."""
        before = self.state("timing.written") or 0
        x, y = self.place(spot, view)
        self.page.mouse.move(x - 3, y)
        self.page.mouse.move(x, y)
        self.page.mouse.down(button=button)
        self.page.mouse.up(button=button)
        self.wait(f"timing.written > {before} && !is_working")

    def drag(self, start: Spot, end: Spot, view: str = "Axial") -> None:
        """Press at `start`, move, release at `end`; waits until the segment has followed to there."""
        before = self.state("timing.written") or 0
        self.pull(start, end, view)
        # An action has its turn after the mouse: now the server knows of the release, and what it still has to compute.
        self.page.evaluate("window.trame.trigger('act', ['draw'])")
        self.wait(f"timing.written > {before} && !is_working")

    def pull(self, start: Spot, end: Spot, view: str = "Axial") -> None:
        """Press at `start`, move, release at `end`; waits for nothing."""
        (x0, y0), (x1, y1) = self.place(start, view), self.place(end, view)
        self.page.mouse.move(x0 - 3, y0)
        self.page.mouse.move(x0, y0)
        self.page.mouse.down()
        for step in range(1, 5):
            self.page.mouse.move(x0 + (x1 - x0) * step / 4, y0 + (y1 - y0) * step / 4)
        self.page.mouse.up()

    def press(self, key: str, condition: str) -> None:
        """A key, and what it must bring about."""
        self.page.keyboard.press(key)
        self.wait(condition)

    def rest_mouse(self) -> None:
        """Away from the views, so that no preview is drawn."""
        self.page.mouse.move(150, 560)

    def picture(self, view: str = "Axial") -> np.ndarray:
        """(y, x, 3) what the view shows now."""
        shot = self.page.screenshot(clip=self._box(view))  # of the page: the view may be replaced just now
        return np.asarray(Image.open(BytesIO(shot)).convert("RGB")).astype(int)

    def coloured(self, view: str = "Axial") -> int:
        """Pixels of a view that are not grey: where a segment or a point is drawn."""
        shown = self.picture(view)[30:-24]
        return int((shown.max(axis=-1) - shown.min(axis=-1) > 24).sum())

    def wait_for_image(self, view: str = "Axial") -> None:
        """Until a view shows more than black."""
        for _ in range(200):
            if (self.picture(view).max(axis=-1) > 80).mean() > 0.04:
                return
            self.page.wait_for_timeout(200)
        raise AssertionError(f"the {view} view stays black")

    def wait_for_coloured(self, least: int, most: int = 1 << 30, view: str = "Axial") -> int:
        """Until that many pixels of a view have a colour, and two pictures agree on it; returns how many."""
        self.rest_mouse()
        before = -1
        for _ in range(100):
            count = self.coloured(view)
            if least <= count <= most and count == before:
                return count
            before = count
            self.page.wait_for_timeout(200)
        raise AssertionError(f"{count} coloured pixels in the {view} view, expected {least} to {most}")

    def download(self, id: str, folder: Path) -> Path:
        """Press a download button; the file that came."""
        with self.page.expect_download() as found:
            self.page.click(f"#{id}")
        path = folder / found.value.suggested_filename
        found.value.save_as(path)
        return path

    def upload(self, *paths: Path, button: str = "#open-file") -> None:
        """Choose files with the button Open, or a folder with another button."""
        with self.page.expect_file_chooser() as chooser:
            self.page.click(button)
        chooser.value.set_files([str(path) for path in paths])

    def _box(self, view: str) -> Dict[str, float]:
        """Where a view is in the page; waits for one that another layout is just putting there."""
        for _ in range(200):
            box = self.page.evaluate(_FIND_VIEW, view)
            if box and box["width"] > 0 and box["height"] > 0:
                return box
            self.page.wait_for_timeout(50)
        raise AssertionError(f"there is no {view} view in the page")
