"""What waits for a pause happens once, after the last time it was asked for."""

import asyncio

import pytest

pytest.importorskip("trame_slicer", reason="trame-slicer is not installed")

import numpy as np

from Fast3DSAM.Logic.commands.app import sample_volume
from Fast3DSAM.Widgets.web.pause import LoopPause
from Testing.mrml.surfaces import is_true, points_of, surface_of
from Testing.web.asking import asking, in_own_thread, tab_of, until

PAUSE = 0.5  # seconds; long beside what a busy computer takes for a step


def happened(story):
    """What `story(pause, done)` lets happen."""

    async def run():
        done, pause = [], LoopPause(asyncio.get_running_loop(), PAUSE)
        await story(pause, done)
        await asyncio.sleep(1.5 * PAUSE)
        return done

    return in_own_thread(run())


def test_asked_again_and_again_only_the_newest_call_is_done():
    async def story(pause, done):
        for n in range(30):  # longer than one pause in all
            pause.after_pause(lambda n=n: done.append(n))
            await asyncio.sleep(PAUSE / 20)

    assert happened(story) == [29]


def test_after_a_cancel_nothing_happens_until_it_is_asked_for_again():
    async def story(pause, done):
        pause.after_pause(lambda: done.append("cancelled"))
        pause.cancel()
        pause.cancel()
        await asyncio.sleep(1.5 * PAUSE)
        pause.after_pause(lambda: done.append("asked again"))

    assert happened(story) == ["asked again"]


def test_the_surface_of_a_tabs_segment_comes_after_the_pause():
    async def ask(client, application):
        await tab_of(client)
        (tab,) = application.tabs.all
        tab.free_at = None  # however slow this computer is
        workspace = tab.workspace
        await until(lambda: workspace.state.stage == "ready")
        workspace.act("place_here")
        await until(lambda: len(workspace.state.points) == 1 and not workspace.state.is_working)
        workspace.act("surface", True)
        work = workspace._bench.work
        node, id = work.segmentation_node, work.active_segment_id
        before = points_of(surface_of(node, id))
        written = []

        def is_old():
            return np.array_equal(points_of(surface_of(node, id)), before)

        node.AddObserver(node.GetSegmentation().SourceRepresentationModified, lambda *_: written.append(is_old()))
        workspace.act("undo")
        await until(lambda: written)
        assert written == [True], "the click made it anew"
        await until(lambda: not is_old())
        return is_true(node, id)

    assert asking(ask, volume=sample_volume())
