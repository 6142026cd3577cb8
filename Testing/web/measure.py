"""Figures of the browser app with the bundled weights in real Chromium: `python -m Testing.web.measure`.

Start: from the command to the first frame with a volume that answers clicks. Click: from releasing the mouse to the
picture with the new segment in the page, in parts: network (mouse to server), decode (wait for the thread and the
mask), write (into the scene), render (wait for the view and draw it), transfer (encode, send, decode in the page).
All clocks are this computer's one.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Dict, List, Tuple

import numpy as np

from Testing.web.conftest import ROOT, launch
from Testing.web.tab import BrowserTab

PARTS = ("network", "decode", "write", "render", "transfer")
_PAGE_CLOCK = """
window.frames_seen = [];
new MutationObserver((changes) => {
  for (const { target } of changes) {
    if (!target.matches?.(".image-display-area")) continue;
    const name = target.closest(".layout-grid-item")?.querySelector(".view-name")?.textContent.trim();
    const seen = () => window.frames_seen.push([name, Date.now() / 1000]);
    target.decode ? target.decode().then(seen, () => {}) : seen();
  }
}).observe(document, { subtree: true, attributes: true, attributeFilter: ["src"] });
addEventListener("pointerup", () => (window.released = Date.now() / 1000), true);
addEventListener("mouseup", () => (window.released = Date.now() / 1000), true);
"""


class Server:
    """The app in a process of its own; `frames` grows as it sends them."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "Testing.web.measured"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.address = self.process.stdout.readline().strip()
        self.frames: List[Tuple[str, float, float, float]] = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self.process.stdout:
            self.frames.append(tuple(json.loads(line)))

    def megabytes(self) -> float:
        """Resident memory now."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(60)


def opened(browser, address: str) -> BrowserTab:
    """A tab whose volume is ready and shown."""
    page = browser.new_context(viewport={"width": 1280, "height": 720}).new_page()
    page.set_default_timeout(120_000)
    page.add_init_script(_PAGE_CLOCK)
    page.goto(address)
    tab = BrowserTab(page)
    tab.wait("stage === 'ready'")
    tab.wait_for_image()
    return tab


def one_click(tab: BrowserTab, server: Server, spot: Tuple[float, float]) -> Dict[str, float]:
    """Milliseconds of each part of a click into the axial view."""
    tab.page.evaluate("window.frames_seen.length = 0")
    tab.click(spot)
    stamps, released = tab.state("timing"), tab.page.evaluate("window.released")
    written = stamps["written"]
    for _ in range(100):
        sent = [frame for frame in list(server.frames) if frame[1] >= written and "Red" in frame[0]]
        seen = tab.page.evaluate("window.frames_seen.filter(f => f[0] === 'Axial').map(f => f[1])")
        if sent and any(moment >= sent[0][3] for moment in seen):
            break
        time.sleep(0.02)
    else:
        raise SystemExit("no new frame of the axial view came after a click")
    shown = min(moment for moment in seen if moment >= sent[0][3] - 0.001)
    moments = (released, stamps["asked"], stamps.get("decoded", stamps["asked"]), written, sent[0][2], shown)
    parts = dict(zip(PARTS, 1000 * np.diff(moments)))
    return {**parts, "click to frame": 1000 * (shown - released)}


def clicks(tab: BrowserTab, server: Server, count: int) -> Dict[str, List[float]]:
    """Clicks all over the body, a segment for every third of them."""
    places = np.random.default_rng(0).uniform((0.33, 0.32), (0.72, 0.7), (count + 1, 2))
    found: Dict[str, List[float]] = {}
    for number, spot in enumerate(places):
        if number % 3 == 0 and number:
            ids = len(tab.state("segments"))
            tab.press("s", f"segments.length > {ids} || true")
        parts = one_click(tab, server, tuple(spot))
        if number:  # the first one warms up
            for name, value in parts.items():
                found.setdefault(name, []).append(value)
    return found


def memory_of_cycles(browser, server: Server, count: int) -> None:
    """Open a tab, click, close it, again and again: what stays."""
    for cycle in range(1, count + 1):
        tab = opened(browser, server.address)
        tab.click((0.37, 0.42))
        high = server.megabytes()
        tab.page.context.close()
        time.sleep(8)
        print(f"cycle {cycle}: {high:.0f} MB with the tab, {server.megabytes():.0f} MB after it was closed", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clicks", type=int, default=30)
    parser.add_argument("--tabs", type=int, nargs="*", default=[1, 2, 4])
    parser.add_argument("--cycles", type=int, default=6, help="tabs that are opened and closed one after another")
    given = parser.parse_args()
    with launch() as browser:
        begun = time.time()
        server = Server()
        try:
            listening = time.time() - begun
            empty = server.megabytes()
            tabs = [opened(browser, server.address)]
            print(
                f"start: listening after {listening:.1f} s, a volume shown and ready after {time.time() - begun:.1f} s"
            )
            for name, values in clicks(tabs[0], server, given.clicks).items():
                middle, high = np.percentile(values, (50, 95))
                print(f"{name:15s} median {middle:6.0f} ms   95th percentile {high:6.0f} ms   of {len(values)} clicks")
            print(f"memory of the server: {empty:.0f} MB before the first tab")
            for count in given.tabs:
                while len(tabs) < count:
                    since = time.time()
                    tabs.append(opened(browser, server.address))
                    print(f"tab {len(tabs)}: ready and shown after {time.time() - since:.1f} s")
                print(f"memory with {count} tabs: {server.megabytes():.0f} MB")
            for tab in tabs:
                tab.page.close(run_before_unload=False)
            time.sleep(8)
            print(f"memory 8 s after all were closed: {server.megabytes():.0f} MB")
            memory_of_cycles(browser, server, given.cycles)
        finally:
            server.stop()


if __name__ == "__main__":
    main()
