"""A trame server without a port of its own: its page and its WebSocket live under one path of the app's server."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any, Dict, Optional

from trame_client import module as client_module
from trame_client.widgets.core import HTML_CTX
from trame_server import Server
from trame_server.protocol import CoreServer
from wslink.backends.aiohttp import AioHttpWsHandler
from wslink.protocol import AbstractWebApp

# The client's own secret; who may connect at all is decided before, by the app's server.
_SECRET = "wslink-secret"


class _Handler(AioHttpWsHandler):
    """Drops what a browser that has just gone can no longer hear: wslink would tell of it as of an error."""

    async def sendWrappedMessage(self, *args: Any, **kwargs: Any) -> None:
        with suppress(ConnectionResetError):
            await super().sendWrappedMessage(*args, **kwargs)

    async def sendWrappedError(self, *args: Any, **kwargs: Any) -> None:
        with suppress(ConnectionResetError):
            await super().sendWrappedError(*args, **kwargs)

    async def onClose(self, client_id: str) -> None:
        # A browser that went before the handshake has not come: wslink would fail here and count it for ever, so that
        # its tab would never be freed.
        if client_id in self.unchunkers:
            await super().onClose(client_id)


class TabServer:
    """State, page and connection of one tab. `start` once all modules are enabled and the page is built."""

    def __init__(self, name: str) -> None:
        self.server = Server(name=name)
        self.server.client_type = "vue3"
        self._handler: Optional[_Handler] = None

    def start(self, port: int) -> None:
        """Be ready for the browser. Needs a running event loop."""
        self.server.enable_module(client_module)
        CoreServer.bind_server(self.server)
        CoreServer.authentication_token = _SECRET
        protocol = CoreServer()  # binds itself to the server named above, so no other may come in between
        self._handler = _Handler(protocol, AbstractWebApp({"ws_compress": False}))
        self._handler.web_app.ws_compress = False
        self.server._running_stage = 1  # trame's own start() would open a port
        protocol.port_callback(port)

    @property
    def connections(self) -> int:
        return len(self._handler.connections) if self._handler else 0

    async def connect(self, request):
        """Serve one WebSocket until it is closed."""
        return await self._handler.handleWsRequest(request)

    async def stop(self) -> None:
        """Close all connections, and take this server out of the places where trame remembers the latest one."""
        if self._handler is not None:
            await self._handler.disconnectClients()
        if CoreServer.server is self.server:
            CoreServer.server = None
        if getattr(HTML_CTX, "_server", None) is self.server:
            HTML_CTX._server = None

    def folders(self) -> Dict[str, Path]:
        """Static files: first part of the path -> folder; "" is the client itself."""
        mounts = {
            key: value[0] if isinstance(value, (list, tuple)) else value for key, value in self.server.serve.items()
        }
        return {"": Path(self.server._www), **{key: Path(value) for key, value in mounts.items()}}
