"""One server and one real Chromium for all browser tests; a fresh tab for each."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PATIENCE = 120_000  # milliseconds; the machine may be busy
_RESIZE_WARNING = re.compile(
    r"[^\n]*vtkObject\.cxx(:|, line )742[^\n]*\n+([^\n]*WindowResizeEvent will not be generated[^\n]*\n)?"
    r"Use ConfigureEvent instead[^\n]*\n+"
)
_OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def _missing() -> str:
    """Why the browser tests cannot run here; empty if they can."""
    for name in ("trame_slicer", "slicerio", "playwright"):
        if find_spec(name) is None:
            return f"{name} is not installed"
    return "" if _chromium() else "Chromium is not installed (Debian: apt-get install chromium)"


def _require_browser() -> None:
    """Skip, or fail where `FAST3DSAM_REQUIRE_BROWSER` says that these tests have to run."""
    reason = _missing()
    if reason and os.environ.get("FAST3DSAM_REQUIRE_BROWSER"):
        pytest.fail(f"the browser tests cannot run: {reason}", pytrace=False)
    if reason:
        pytest.skip(reason)


def _chromium() -> str:
    return os.environ.get("FAST3DSAM_CHROMIUM") or shutil.which("chromium") or ""


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """Address of the app, in a process of its own, with a predictor that needs no network.

    `FAST3DSAM_WEB_DELAY` is the seconds it takes for each mask, to try how all this goes on a slow computer.
    """
    _require_browser()
    log = tmp_path_factory.mktemp("server") / "log.txt"
    delay = os.environ.get("FAST3DSAM_WEB_DELAY", "0")
    with log.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-X", "faulthandler", "-m", "Testing.web.serve", "--delay", delay],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        address = process.stdout.readline().strip()
        assert address.startswith("http://"), _told(log)
        yield address
        process.terminate()
        try:
            code = process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            pytest.fail(f"the app did not end when it was told to:\n{_told(log)}")
    assert code == 0, _told(log)
    assert "Traceback" not in log.read_text(), _told(log)


def _told(log: Path) -> str:
    """The end of the server's log without a warning that each view of trame-slicer brings."""
    return _RESIZE_WARNING.sub("", log.read_text())[-4000:]


@pytest.fixture(scope="session")
def chromium(server):
    """A headless browser."""
    with launch() as browser:
        yield browser


@contextmanager
def launch():
    """A headless Chromium, driven by Playwright."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_chromium(), args=_OPTIONS)
        try:
            yield browser
        finally:
            browser.close()


@pytest.fixture
def open_tab(chromium, server):
    """Open tabs of 1280 x 720 pixels on the app and wait until their volume is ready."""
    from Testing.web.tab import BrowserTab

    opened = []

    def open_one(wait: bool = True) -> BrowserTab:
        page = chromium.new_context(viewport={"width": 1280, "height": 720}, accept_downloads=True).new_page()
        page.set_default_timeout(PATIENCE)
        opened.append(page)
        for _ in range(60):  # tabs of the test before may still hold their places
            if page.goto(server).status == 200:
                break
            page.wait_for_timeout(500)
        tab = BrowserTab(page)
        if wait:
            tab.wait("stage === 'ready'")
            tab.wait_for_image()
        return tab

    yield open_one
    for page in opened:
        page.context.close()


@pytest.fixture
def tab(open_tab):
    """A tab that is ready for clicks in the sample CT."""
    return open_tab()
