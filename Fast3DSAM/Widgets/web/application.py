"""Starts the browser app and keeps it running."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import signal
import webbrowser
from typing import Callable, Optional
from urllib.parse import quote

from aiohttp import web

from .engine import Engine
from .front import Front
from .settings import USUAL_PORT, AppError, AppSettings, is_loopback
from .tabs import Tabs


class Application:
    """The web server with its tabs. `start` and `stop` belong to one event loop."""

    def __init__(self, settings: AppSettings, engine: Optional[Engine] = None) -> None:
        self.settings = settings.checked()
        self.engine = engine or Engine(settings)
        self.tabs = Tabs(self.settings, self.engine)
        self._front = Front(self.settings, self.tabs)
        self._runner = web.AppRunner(self._front.app, handle_signals=False, access_log=None, shutdown_timeout=1.0)
        self._watch: Optional[asyncio.Task] = None

    async def start(self) -> str:
        """Listen; returns the address to open. Raises `AppError` where the port is taken."""
        settings = self.settings
        asyncio.get_running_loop().set_exception_handler(_ignore_lost_connections)
        await self._runner.setup()
        try:
            await self._listen()
        except OSError as error:
            await self._runner.cleanup()
            if error.errno == errno.EADDRINUSE:
                raise AppError(f"Port {settings.port} is taken; choose another one with --port, 0 for any.") from error
            raise AppError(f"The app cannot listen on {settings.host!r} ({error}); check --host.") from error
        self.tabs.port = self._runner.addresses[0][1]
        self._watch = asyncio.create_task(self.tabs.watch())
        return self.address

    async def _listen(self) -> None:
        host, port = self.settings.host, self.settings.port
        try:
            await web.TCPSite(self._runner, host, USUAL_PORT if port is None else port).start()
        except OSError as error:
            if port is not None or error.errno != errno.EADDRINUSE:
                raise
            await web.TCPSite(self._runner, host, 0).start()

    @property
    def address(self) -> str:
        """With the token, where one is needed."""
        host = self.settings.host
        host = "localhost" if host in ("0.0.0.0", "::") else f"[{host}]" if ":" in host else host
        token = f"?token={quote(self.settings.token)}" if self.settings.token else ""
        return f"http://{host}:{self.tabs.port}/{token}"

    async def stop(self) -> None:
        """Close all tabs and stop listening."""
        if self._watch is not None:
            self._watch.cancel()
        await self.tabs.close_all()
        await self._runner.cleanup()
        gc.collect()  # views that a connection still held go now, and not when Python takes everything apart


def _ignore_lost_connections(loop: asyncio.AbstractEventLoop, context: dict) -> None:
    """A browser may go away in the middle of a frame; the library's task for it tells nobody else."""
    if not isinstance(context.get("exception"), ConnectionError):
        loop.default_exception_handler(context)


def run(settings: AppSettings, open_browser: bool, tell: Callable[[str], None]) -> None:
    """Serve until Ctrl+C; `tell` receives lines for the terminal."""
    asyncio.run(_serve(settings, open_browser, tell))


async def _serve(settings: AppSettings, open_browser: bool, tell: Callable[[str], None]) -> None:
    application = Application(settings)
    address = await application.start()
    tell(f"Fast3DSAM is ready: {address}")
    if not is_loopback(settings.host):
        tell("Other computers can reach this address; the token in it is the key, so pass it on with care.")
    if open_browser:
        asyncio.get_running_loop().run_in_executor(None, webbrowser.open, address)
    tell("Press Ctrl+C to stop.")
    stopped = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows
            asyncio.get_running_loop().add_signal_handler(name, stopped.set)
    await stopped.wait()
    await application.stop()
