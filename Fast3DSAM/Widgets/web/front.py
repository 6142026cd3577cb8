"""The app's web server: who may come in, the page of each tab, uploads and downloads."""

from __future__ import annotations

import asyncio
import hmac
import html
import logging
import mimetypes
import shutil
import tempfile
from pathlib import Path
from typing import Optional
from urllib.parse import quote, urlsplit

from aiohttp import web

from ...Logic.errors import Fast3DSAMError
from ...Logic.mrml.export import FILE_TYPES
from .settings import APP_NAME, AppError, AppSettings, is_loopback
from .tabs import Tab, Tabs
from .uploads import checked_upload, place_for, safe_name

_COOKIE = "fast3dsam_token"
_CHUNK = 1 << 20
_TITLE_BYTES = 200
_RESOURCES = Path(__file__).parents[2] / "Resources" / "Web"
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
_logger = logging.getLogger(__name__)


class Front:
    """Routes of the app: `/` opens a tab and leads to its own path `/tab/<name>/`."""

    def __init__(self, settings: AppSettings, tabs: Tabs) -> None:
        self._settings = settings
        self._tabs = tabs
        self.app = web.Application(middlewares=[self._guard], client_max_size=1 << 20)
        self.app.router.add_get("/", self._new_tab)
        self.app.router.add_get("/tab/{name}/ws", self._socket)
        self.app.router.add_get("/tab/{name}/download/{file}", self._download)
        self.app.router.add_post("/tab/{name}/upload", self._upload)
        self.app.router.add_post("/tab/{name}/left", self._left)
        self.app.router.add_post("/tab/{name}/paraview/", self._where)
        self.app.router.add_get("/tab/{name}/{path:.*}", self._file)

    @web.middleware
    async def _guard(self, request: web.Request, handler):
        refusal = self._refusal(request)
        if refusal:
            return _page(refusal, 403)
        try:
            response = await handler(request)
        except AppError as error:
            return _page(str(error), 503)
        except Fast3DSAMError as error:
            return web.json_response({"error": str(error)}, status=422, headers=_HEADERS)
        if not response.prepared:
            response.headers.update(_HEADERS)
            if self._settings.token and request.query.get("token"):
                response.set_cookie(_COOKIE, self._settings.token, httponly=True, samesite="Strict")
        return response

    def _refusal(self, request: web.Request) -> Optional[str]:
        """Why a request is not served; other pages in the user's browser are strangers, too."""
        settings, host = self._settings, urlsplit(f"//{request.host}").hostname or ""
        if is_loopback(settings.host) and not is_loopback(host):
            return f"This app is only for this computer, not for {host!r}; start it with --host to share it."
        origin = request.headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc != request.host:
            return "Another web page asked for this; open the app's own address."
        given = request.query.get("token") or request.cookies.get(_COOKIE, "")
        if settings.token and not hmac.compare_digest(given.encode(), settings.token.encode()):
            return "The token is missing or wrong; open the whole address that the app printed when it started."
        return None

    async def _new_tab(self, request: web.Request) -> web.Response:
        tab = self._tabs.open()
        return web.Response(status=302, headers={"Location": f"/tab/{tab.name}/", "Cache-Control": "no-store"})

    async def _where(self, request: web.Request) -> web.Response:
        """The client asks so where its WebSocket is before it tries by itself."""
        scheme = "wss" if request.secure else "ws"
        return web.json_response({"sessionURL": f"{scheme}://{request.host}/tab/{self._tab(request).name}/ws"})

    async def _left(self, request: web.Request) -> web.Response:
        self._tabs.left(self._tab(request))
        return web.Response(status=204)

    async def _socket(self, request: web.Request):
        try:
            return await self._tabs.connect(self._tab(request), request)
        except ConnectionError:  # the browser has gone in the middle of a message; nobody reads this answer
            return web.Response()

    async def _file(self, request: web.Request):
        name, path = request.match_info["name"], request.match_info["path"]
        tab = self._tabs.get(name)
        if tab is None:
            if path in ("", "index.html"):  # a page from before: its scene was freed
                raise web.HTTPFound("/")
            raise web.HTTPNotFound
        self._tabs.touch(tab)
        if path in ("", "index.html"):
            return web.Response(text=_index(tab), content_type="text/html")
        folders = {**tab.connection.folders(), "app": _RESOURCES}
        first, _, rest = path.partition("/")
        folder, inside = (folders[first], rest) if first in folders else (folders[""], path)
        file = (folder / inside).resolve()
        if folder.resolve() not in file.parents or not file.is_file():
            raise web.HTTPNotFound
        kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        return web.FileResponse(file, headers={"Content-Type": kind})

    async def _download(self, request: web.Request) -> web.Response:
        suffix = "." + request.match_info["file"].partition(".")[2]
        if suffix not in FILE_TYPES:
            raise web.HTTPNotFound
        segments = [request.query["segment"]] if "segment" in request.query else None
        name, content = self._tab(request).workspace.export(suffix, segments)
        disposition = f"attachment; filename=\"{safe_name(name)}\"; filename*=UTF-8''{quote(name)}"
        return web.Response(
            body=content, content_type="application/octet-stream", headers={"Content-Disposition": disposition}
        )

    async def _upload(self, request: web.Request) -> web.Response:
        tab, settings = self._tab(request), self._settings
        if (request.content_length or 0) > settings.upload_bytes:
            raise _too_large(settings)
        folder = Path(tempfile.mkdtemp(dir=tab.folder))
        kept = False
        try:
            files, title = await self._receive(request, folder)
            check = lambda: checked_upload(files, folder, settings.max_voxels)  # noqa: E731
            path = await asyncio.get_running_loop().run_in_executor(None, check)
            tab.workspace.open(path, title if path == folder else "", lambda: shutil.rmtree(folder, ignore_errors=True))
            kept = True
        finally:
            if not kept:
                shutil.rmtree(folder, ignore_errors=True)
        return web.json_response({"opened": path.name})

    async def _receive(self, request: web.Request, folder: Path):
        """Stream the parts to files of our own naming: no name from outside decides where anything is written.

        The files and what to call them together: the name of their folder, if the page has sent it.
        """
        settings, files, received, title = self._settings, [], 0, "DICOM series"
        async for part in await request.multipart():
            if part.filename is None:
                if part.name == "title":
                    title = safe_name((await part.read_chunk(_TITLE_BYTES)).decode("utf-8", "replace"))
                continue
            if len(files) >= settings.max_upload_files:
                raise AppErrorForUpload(f"More than {settings.max_upload_files} files came at once; send fewer.")
            place = place_for(part.filename, len(files), folder)
            with place.open("wb") as file:
                while piece := await part.read_chunk(_CHUNK):
                    received += len(piece)
                    if received > settings.upload_bytes:
                        raise _too_large(settings)
                    file.write(piece)
            files.append(place)
        return files, title

    def _tab(self, request: web.Request) -> Tab:
        tab = self._tabs.get(request.match_info["name"])
        if tab is None:
            raise web.HTTPNotFound
        return tab


class AppErrorForUpload(Fast3DSAMError):
    """An upload that is refused before its content is looked at."""


def _too_large(settings: AppSettings) -> AppErrorForUpload:
    limit = settings.upload_bytes / (1 << 20)
    return AppErrorForUpload(f"The upload is larger than the {limit:.0f} MB allowed here; crop it or open it locally.")


def _index(tab: Tab) -> str:
    """The client's page with our title, style and script."""
    text = (tab.connection.folders()[""] / "index.html").read_text(encoding="utf-8")
    text = text.replace("<title>trame is built by Kitware</title>", f"<title>{APP_NAME}</title>")
    text = text.replace('href="logo.png"', 'href="app/icon.svg" type="image/svg+xml"')
    text = text.replace('fetch("./loading.tpl")', 'fetch("./app/loading.html")')
    extra = '<link rel="stylesheet" href="app/app.css"><script defer src="app/app.js"></script>'
    lost = (_RESOURCES / "lost.html").read_text(encoding="utf-8")
    return text.replace("</head>", f"{extra}</head>").replace("</body>", f"{lost}</body>")


def _page(text: str, status: int) -> web.Response:
    body = (_RESOURCES / "message.html").read_text(encoding="utf-8").replace("{message}", html.escape(text))
    return web.Response(text=body, status=status, content_type="text/html", headers=_HEADERS)
