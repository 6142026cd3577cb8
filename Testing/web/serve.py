"""The browser app with a predictor that needs no network: `python -m Testing.web.serve [--port N] [VOLUME]`.

Prints its address, then serves until it is told to end. `--delay` makes it as slow as a busy computer.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import time
from pathlib import Path

from Fast3DSAM.Logic.commands.app import sample_volume
from Fast3DSAM.Widgets.web.application import Application
from Fast3DSAM.Widgets.web.engine import Engine
from Fast3DSAM.Widgets.web.settings import AppSettings
from Testing.logic.intensity_predictor import IntensityPredictor

TILE, TOLERANCE = 32, 220.0


class SlowPredictor(IntensityPredictor):
    """Takes `delay` seconds longer for each mask."""

    def __init__(self, delay: float) -> None:
        super().__init__(TILE, TOLERANCE)
        self._delay = delay

    def decode(self, embedding, prompts):
        time.sleep(self._delay)
        return super().decode(embedding, prompts)


def predictor(delay: float = 0.0) -> IntensityPredictor:
    """Grows what differs by less than 220 HU from a click: the air in a lung, for one."""
    return SlowPredictor(delay)


async def serve(settings: AppSettings, delay: float) -> None:
    engine = Engine(settings, predictor(delay))
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
    parser.add_argument("--delay", type=float, default=0.0, help="seconds for each mask")
    given = parser.parse_args()
    settings = AppSettings(
        given.volume, port=given.port, max_tabs=3, grace_seconds=4.0, lost_seconds=6.0, upload_bytes=8 << 20
    )
    asyncio.run(serve(settings, given.delay))


if __name__ == "__main__":
    main()
