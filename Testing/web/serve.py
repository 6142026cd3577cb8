"""The browser app with a predictor that needs no network: `python -m Testing.web.serve [--port N] [VOLUME]`.

Prints its address, then serves until it is told to end.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
from pathlib import Path

from Fast3DSAM.Logic.commands.app import sample_volume
from Fast3DSAM.Widgets.web.application import Application
from Fast3DSAM.Widgets.web.engine import Engine
from Fast3DSAM.Widgets.web.settings import AppSettings
from Testing.logic.intensity_predictor import IntensityPredictor

TILE, TOLERANCE = 32, 220.0


def predictor() -> IntensityPredictor:
    """Grows what differs by less than 220 HU from a click: the air in a lung, for one."""
    return IntensityPredictor(TILE, TOLERANCE)


async def serve(settings: AppSettings) -> None:
    engine = Engine(settings, predictor())
    application = Application(settings, engine)
    print(await application.start(), flush=True)
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    await stopped.wait()
    await application.stop()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("volume", nargs="?", type=Path, default=sample_volume())
    parser.add_argument("--port", type=int, default=0)
    given = parser.parse_args()
    settings = AppSettings(
        given.volume, port=given.port, max_tabs=3, grace_seconds=4.0, lost_seconds=6.0, upload_bytes=8 << 20
    )
    asyncio.run(serve(settings))


if __name__ == "__main__":
    main()
