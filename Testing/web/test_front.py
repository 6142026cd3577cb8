"""Who may talk to the app's server, and what it gives away: real HTTP requests, no browser."""

import asyncio
import gc
import weakref

import pytest

pytest.importorskip("trame_slicer", reason="trame-slicer is not installed")

from aiohttp.client_exceptions import ClientConnectionResetError
from aiohttp.web import WebSocketResponse

from Fast3DSAM.Widgets.web.application import Application
from Fast3DSAM.Widgets.web.settings import AppError, AppSettings, is_loopback
from Testing.web.asking import asking, tab_of, uploaded

TOKEN = "a-long-enough-token"


def test_another_host_name_or_another_page_is_refused():
    async def ask(client, _):
        strange = [{"Host": "evil.example"}, {"Origin": "http://evil.example"}, {"Origin": "null"}]
        return [(await client.get("/", headers=headers, allow_redirects=False)).status for headers in strange]

    assert asking(ask) == [403, 403, 403]


def test_with_a_token_nothing_is_given_without_it():
    async def ask(client, application):
        place = await tab_of(client, params={"token": TOKEN})
        client.cookie_jar.clear()
        paths = ["/", place, f"{place}ws", f"{place}app/app.js", f"{place}download/segments.nrrd"]
        without = [(await client.get(path, allow_redirects=False)).status for path in paths]
        wrong = (await client.get("/", params={"token": TOKEN[:-1]}, allow_redirects=False)).status
        assert TOKEN in application.address
        return [*without, wrong], len(application.tabs)

    assert asking(ask, token=TOKEN) == ([403] * 6, 1)


def test_the_token_is_kept_in_a_cookie_that_scripts_cannot_read():
    async def ask(client, _):
        answer = await client.get("/", params={"token": TOKEN}, allow_redirects=False)
        cookie = answer.headers["Set-Cookie"]
        assert "HttpOnly" in cookie and "SameSite=Strict" in cookie
        return (await client.get(answer.headers["Location"])).status

    assert asking(ask, token=TOKEN) == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "example.org"])
@pytest.mark.parametrize("token", ["", "short"])
def test_an_address_that_others_reach_needs_a_long_token(host, token):
    assert not is_loopback(host)
    with pytest.raises(AppError, match="token"):
        AppSettings(host=host, token=token).checked()
    assert AppSettings(host=host, token=TOKEN).checked()


def test_files_outside_the_app_s_folders_are_not_served():
    async def ask(client, _):
        place = await tab_of(client)
        tries = ["../../../etc/passwd", "app/../../../Logic/session.py", "app/%2e%2e/%2e%2e/Logic/session.py"]
        tries += ["%2fetc%2fpasswd", "app/%2fetc%2fpasswd", "app/..%5c..%5cLogic%5csession.py", "app/", "app"]
        answers = [await client.get(place + path, allow_redirects=False) for path in tries]
        assert (await client.get(f"{place}app/app.css")).status == 200
        return {answer.status for answer in answers}

    assert asking(ask) == {404}


def test_an_unknown_tab_has_nothing_and_leads_to_a_new_one():
    async def ask(client, _):
        page = await client.get("/tab/0123456789/", allow_redirects=False)
        others = [await client.get(f"/tab/0123456789/{path}") for path in ("ws", "download/a.nrrd", "app/app.js")]
        return page.status, page.headers["Location"], [answer.status for answer in others]

    assert asking(ask) == (302, "/", [404, 404, 404])


@pytest.mark.parametrize("is_told", [True, False], ids=["declared", "streamed"])
def test_an_upload_over_the_limit_is_refused_and_leaves_no_file(is_told):
    async def pieces(content):
        for start in range(0, len(content), 1 << 16):
            yield content[start : start + (1 << 16)]

    async def ask(client, application):
        place = await tab_of(client)
        content = bytes(3 << 20)
        answer = await uploaded(client, place, "large.nrrd", content if is_told else pieces(content))
        tab = application.tabs.all[0]
        return answer.status, (await answer.json())["error"], list(tab.folder.iterdir())

    status, error, left = asking(ask, upload_bytes=2 << 20)
    assert status == 422 and "larger than the 2 MB" in error and left == []


def test_a_file_name_cannot_lead_out_of_the_tab_s_folder(tmp_path):
    async def ask(client, application):
        place = await tab_of(client)
        answer = await uploaded(client, place, f"../../../..{tmp_path}/planted.nrrd", b"no volume")
        return answer.status, (await answer.json())["error"]

    status, error = asking(ask)
    assert status == 422 and "'planted.nrrd' is no NRRD file" in error
    assert not list(tmp_path.iterdir())


def test_more_tabs_than_allowed_get_one_sentence():
    async def ask(client, _):
        await tab_of(client)
        answer = await client.get("/")
        return answer.status, await answer.text()

    status, page = asking(ask, max_tabs=1)
    assert status == 503 and "1 tabs are open, which is the limit here" in page


def test_a_tab_that_nobody_connects_to_is_freed_with_its_folder():
    async def ask(client, application):
        await tab_of(client)
        (tab,) = application.tabs.all
        folder, scene, alive = tab.folder, tab.workspace.views.scene, weakref.ref(tab)
        assert folder.is_dir() and scene.GetNumberOfNodes()
        del tab
        for _ in range(60):
            await asyncio.sleep(0.1)
            if not len(application.tabs):
                break
        gc.collect()
        return (
            len(application.tabs),
            folder.exists(),
            alive() is None,
            scene.GetNumberOfNodesByClass("vtkMRMLVolumeNode"),
        )

    assert asking(ask, grace_seconds=0.2) == (0, False, True, 0)


def test_a_page_that_says_goodbye_is_freed_soon_and_a_lost_one_is_kept():
    async def ask(client, application):
        for says_goodbye in (True, False):
            place = await tab_of(client)
            application.tabs.all[-1].free_at = None  # it is connected in time, however slow this computer is
            socket = await client.ws_connect(f"{place}ws")
            if says_goodbye:
                assert (await client.post(f"{place}left")).status == 204
            socket._response.connection.transport.abort()
        for _ in range(200):
            await asyncio.sleep(0.1)
            if len(application.tabs) < 2:
                break
        return [tab.name in place for tab in application.tabs.all]  # the second one's

    assert asking(ask, grace_seconds=4.0, lost_seconds=120.0) == [True]


def test_a_browser_that_goes_away_in_the_middle_of_a_message_is_no_error_of_the_server(caplog):
    async def ask(client, application):
        place = await tab_of(client)

        async def lose(request):
            raise ConnectionResetError("Cannot write to closing transport")

        application.tabs.all[0].connection.connect = lose
        await client.get(f"{place}ws")

    asking(ask)
    assert "Error handling request" not in caplog.text


def test_an_answer_that_a_browser_no_longer_hears_is_dropped():
    class Gone:
        async def send_bytes(self, _):
            raise ClientConnectionResetError("Cannot write to closing transport")

    async def ask(client, application):
        await tab_of(client)
        handler = application.tabs.all[0].connection._handler
        handler.getAuthenticatedWebsockets = lambda *_: [Gone()]
        handler.connections["gone"] = Gone()
        await handler.sendWrappedMessage("rpc:1", {"answer": 1}, method="some.method", client_id="gone")
        await handler.sendWrappedError("rpc:1", -32001, "Exception raised", client_id="gone")
        del handler.connections["gone"]

    asking(ask)


def test_a_browser_that_goes_before_its_handshake_leaves_no_connection_behind(monkeypatch, caplog):
    async def refused(self, request):
        raise ClientConnectionResetError("Cannot write to closing transport")

    async def ask(client, application):
        place = await tab_of(client)
        tab = application.tabs.all[0]
        monkeypatch.setattr(WebSocketResponse, "prepare", refused)
        await client.get(f"{place}ws")
        assert tab.connection.connections == 0 and tab.free_at is not None
        await application.tabs.close(tab.name)

    asking(ask)
    assert "Error handling request" not in caplog.text and "closed cleanly" not in caplog.text


def test_the_usual_port_gives_way_and_a_chosen_one_does_not():
    async def ask(client, application):
        taken = application.tabs.port
        with pytest.raises(AppError, match=f"Port {taken} is taken"):
            await Application(AppSettings(port=taken)).start()

    asking(ask)
