"""The tabs that are open: each has its own scene; a closed one frees its memory after a grace period."""

from __future__ import annotations

import asyncio
import gc
import logging
import secrets
import shutil
import tempfile
import time
from pathlib import Path
from typing import Callable, Dict, List, Optional

from .engine import Engine
from .page import build_page
from .settings import APP_NAME, AppError, AppSettings
from .state import INITIAL
from .tab_server import TabServer
from .view_frame import ViewFrames
from .views import Views
from .worker import TabWorker
from .workspace import Workspace

_logger = logging.getLogger(__name__)


class Tab:
    """One scene with its page and its connection."""

    def __init__(self, name: str, settings: AppSettings, engine: Engine, port: int) -> None:
        self.name = name
        self.folder = Path(tempfile.mkdtemp(prefix="fast3dsam-"))
        self.connection = TabServer(name)
        server = self.connection.server
        server.state.update(INITIAL)
        server.state.trame__title = APP_NAME
        frames = ViewFrames(server)
        views = Views(server, frames.decorate)
        self.workspace = Workspace(server.state, views, engine, TabWorker(asyncio.get_running_loop()))
        server.controller.trigger("act")(self.workspace.act)
        self.layout = build_page(server, views.layouts)
        self.connection.start(port)
        self.left_at: Optional[float] = time.monotonic()
        if settings.volume is not None:
            self.workspace.open(settings.volume)

    async def close(self) -> None:
        """Free everything."""
        self.workspace.close()
        await self.connection.stop()
        await self.workspace.views.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class Tabs:
    """Opens tabs up to a limit; `watch` closes those that were left."""

    def __init__(self, settings: AppSettings, engine: Engine) -> None:
        self._settings = settings
        self._engine = engine
        self._tabs: Dict[str, Tab] = {}
        self.port = settings.port

    def __len__(self) -> int:
        return len(self._tabs)

    def get(self, name: str) -> Optional[Tab]:
        return self._tabs.get(name)

    @property
    def all(self) -> List[Tab]:
        return list(self._tabs.values())

    def open(self) -> Tab:
        """A new tab. Raises `AppError` where the limit is reached."""
        if len(self._tabs) >= self._settings.max_tabs:
            raise AppError(
                f"{len(self._tabs)} tabs are open, which is the limit here; close one, wait "
                f"{self._settings.grace_seconds:.0f} seconds and load this page again."
            )
        name = secrets.token_hex(12)  # the client writes addresses in lower case
        tab = self._tabs[name] = Tab(name, self._settings, self._engine, self.port)
        return tab

    async def connect(self, tab: Tab, request):
        """Serve a tab's WebSocket until it is closed."""
        tab.left_at = None
        try:
            return await tab.connection.connect(request)
        finally:
            if not tab.connection.connections:
                tab.left_at = time.monotonic()

    async def watch(self, every: float = 1.0, sleep: Callable = asyncio.sleep) -> None:
        """Close tabs that nobody has looked at for the grace period."""
        while True:
            await sleep(every)
            now = time.monotonic()
            for tab in self.all:
                if tab.left_at is not None and now - tab.left_at > self._settings.grace_seconds:
                    await self.close(tab)

    async def close(self, tab: Tab) -> None:
        """Free a tab's memory."""
        self._tabs.pop(tab.name, None)
        try:
            await tab.close()
        except Exception:  # the other tabs go on, whatever one leaves behind
            _logger.exception("A tab could not be closed cleanly.")
        del tab
        gc.collect()

    async def close_all(self) -> None:
        for tab in self.all:
            await self.close(tab)
