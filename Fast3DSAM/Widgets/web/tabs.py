"""The tabs that are open: each has its own scene; a closed one frees its memory after a grace period."""

from __future__ import annotations

import asyncio
import logging
import secrets
import shutil
import tempfile
import time
from pathlib import Path
from typing import Callable, Dict, List, Optional

from aiohttp import WSCloseCode

from .engine import Engine
from .memory import give_back
from .page import build_page
from .settings import APP_NAME, AppError, AppSettings
from .state import INITIAL
from .tab_server import TabServer
from .view_frame import ViewFrames
from .views import Views
from .worker import TabWorker
from .workspace import Workspace

_CLOSED = (WSCloseCode.OK, WSCloseCode.GOING_AWAY)
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
        self.free_at: Optional[float] = time.monotonic() + settings.grace_seconds  # if nobody looks at it until then
        self.says_goodbye = False
        if settings.volume is not None:
            self.workspace.open(settings.volume)

    async def close(self) -> None:
        """Free everything."""
        await self.workspace.close()
        await self.connection.stop()
        await self.workspace.views.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class Tabs:
    """Opens tabs up to a limit; `watch` closes those that were left."""

    def __init__(self, settings: AppSettings, engine: Engine) -> None:
        self._settings = settings
        self._engine = engine
        self._tabs: Dict[str, Tab] = {}
        self._closing: Dict[str, asyncio.Task] = {}
        self.port = settings.port or 0

    def __len__(self) -> int:
        return len(self._tabs)

    def get(self, name: str) -> Optional[Tab]:
        """None where there is no such tab, or it is being closed."""
        return None if name in self._closing else self._tabs.get(name)

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
        tab.free_at, tab.says_goodbye, socket = None, False, None
        try:
            socket = await tab.connection.connect(request)
            return socket
        finally:
            if not tab.connection.connections:
                was_closed = tab.says_goodbye or getattr(socket, "close_code", None) in _CLOSED
                wait = self._settings.grace_seconds if was_closed else self._settings.lost_seconds
                tab.free_at = time.monotonic() + wait

    def touch(self, tab: Tab) -> None:
        """A page asks for a file: it is about to connect, however slow its computer is."""
        if tab.free_at is not None:
            tab.free_at = max(tab.free_at, time.monotonic() + self._settings.grace_seconds)

    def left(self, tab: Tab) -> None:
        """The page says that it is closed or loaded again."""
        tab.says_goodbye = True
        if tab.free_at is not None:
            tab.free_at = min(tab.free_at, time.monotonic() + self._settings.grace_seconds)

    async def watch(self, every: float = 1.0, sleep: Callable = asyncio.sleep) -> None:
        """Close tabs whose time is over."""
        while True:
            await sleep(every)
            await self._close_old()

    async def _close_old(self) -> None:
        now = time.monotonic()
        for name in [tab.name for tab in self.all if tab.free_at is not None and now > tab.free_at]:
            await self.close(name)

    async def close(self, name: str) -> None:
        """Free a tab's memory. Goes on to the end, also where the one who waits for it is cancelled."""
        if name not in self._closing:
            self._closing[name] = asyncio.ensure_future(self._close(name))
        await asyncio.shield(self._closing[name])

    async def _close(self, name: str) -> None:
        try:
            await self._tabs[name].close()
        except Exception:  # the other tabs go on, whatever one leaves behind
            _logger.exception("A tab could not be closed cleanly.")
        del self._tabs[name], self._closing[name]
        give_back()  # now, in this thread: the next collection may be in one where views must not be freed

    async def close_all(self) -> None:
        """Also wait for those that are being closed already."""
        await asyncio.gather(*(self.close(name) for name in list(self._tabs)))
