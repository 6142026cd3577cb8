"""The browser app with the bundled weights, which says when each frame was drawn and sent.

After the address, each line of its output is a JSON list [view, render begun, render ended, sent], seconds since 1970.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time

from trame_rca.view_adapter import RcaViewAdapter

from Fast3DSAM.Logic.commands.app import sample_volume
from Fast3DSAM.Widgets.web.application import Application
from Fast3DSAM.Widgets.web.settings import AppSettings


def tell_frames() -> None:
    """Wrap the two steps of a frame: draw it, and hand the encoded picture to the connection."""
    from trame_slicer.rca_view.rca_view_factory import RcaWindow

    drawn = {}
    draw, push = RcaWindow.img_cols_rows.fget, RcaViewAdapter.push

    def timed_draw(window):
        begun = time.time()
        picture = draw(window)
        drawn[id(window)] = (begun, time.time())
        return picture

    def timed_push(adapter, content, meta):
        push(adapter, content, meta)
        line = [adapter.area_name, *drawn.get(id(adapter._rca), (0.0, 0.0)), time.time()]
        print(json.dumps(line), flush=True)

    RcaWindow.img_cols_rows = property(timed_draw)
    RcaViewAdapter.push = timed_push


async def serve() -> None:
    application = Application(AppSettings(sample_volume(), port=0, grace_seconds=3.0, lost_seconds=3.0))
    print(await application.start(), flush=True)
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    await stopped.wait()
    await application.stop()


if __name__ == "__main__":
    tell_frames()
    sys.exit(asyncio.run(serve()))
