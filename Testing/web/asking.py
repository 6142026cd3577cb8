"""The app's server in this process, asked by HTTP: no browser."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from aiohttp import ClientSession, CookieJar, FormData

from Fast3DSAM.Widgets.web.application import Application
from Fast3DSAM.Widgets.web.engine import Engine
from Fast3DSAM.Widgets.web.settings import AppSettings
from Testing.web.serve import predictor


def asking(ask, delay=0.0, **settings):
    """Start the app, without a volume where `settings` name none, let `ask(client, application)` talk to it, stop it.

    In a thread of its own: Playwright, where its tests ran before, has left its event loop in this one.
    """

    async def run():
        settings.setdefault("port", 0)
        app_settings = AppSettings(**settings)
        application = Application(app_settings, Engine(app_settings, predictor(delay)))
        await application.start()
        try:
            jar = CookieJar(unsafe=True)  # cookies of an address without a name, too
            async with ClientSession(f"http://127.0.0.1:{application.tabs.port}", cookie_jar=jar) as client:
                return await ask(client, application)
        finally:
            await application.stop()

    return in_own_thread(run())


def in_own_thread(coroutine):
    """What a coroutine returns, from a loop of its own."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, coroutine).result()


async def until(condition):
    for _ in range(1200):
        if condition():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("what was waited for did not come")


async def tab_of(client, **options):
    answer = await client.get("/", allow_redirects=False, **options)
    assert answer.status == 302
    return answer.headers["Location"]


async def uploaded(client, place, name, content):
    form = FormData(quote_fields=False)
    form.add_field("file", content, filename=name)
    return await client.post(f"{place}upload", data=form)
