"""A closed tab leaves no objects, views and threads behind, whatever it was doing; and the app ends cleanly."""

import asyncio
import gc
import signal
import subprocess
import sys
import threading
import weakref
from urllib.request import urlopen

import pytest

pytest.importorskip("trame_slicer", reason="trame-slicer is not installed")

import vtk

from Fast3DSAM.Logic.commands.app import sample_volume
from Testing.web.asking import asking, tab_of, until
from Testing.web.conftest import ROOT

SOON = {"grace_seconds": 0.2, "lost_seconds": 0.2}


def watched(tab):
    """What must be gone after a tab: name -> call that returns it while it is there."""
    workspace, server = tab.workspace, tab.connection.server
    parts = {"tab": tab, "workspace": workspace, "server": server, "state": server.state, "Slicer": workspace.views.app}
    found = {name: weakref.ref(part) for name, part in parts.items()}
    app = workspace.views.app
    natives = {"scene": app.scene, "logic": app.app_logic}
    for view in app.view_manager.get_views():
        natives[f"window of {view.get_singleton_tag()}"] = view.render_window()
        natives[f"interactor of {view.get_singleton_tag()}"] = view.interactor()
    for name, part in natives.items():  # Python's weak references see the wrapper only
        reference = vtk.vtkWeakReference()
        reference.Set(part)
        found[name] = reference.Get
    return found


async def used(client, application):
    """A tab with a segment, which is left then; what must be gone afterwards."""
    place = await tab_of(client)
    (tab,) = application.tabs.all
    tab.free_at = None  # it is connected in time, however slow this computer is
    state, watch = tab.workspace.state, watched(tab)
    socket = await client.ws_connect(f"{place}ws")
    await until(lambda: state.stage == "ready")
    tab.workspace.act("place_here")
    await until(lambda: state.points and not state.is_working)
    tab.workspace.act("surface", True)
    await client.post(f"{place}left")
    await socket.close()
    return watch


def still_there(watch):
    gc.collect()
    return sorted(name for name, get in watch.items() if get() is not None)


def test_tabs_that_were_used_and_closed_are_gone_with_their_scenes_and_views():
    async def ask(client, application):
        left = []
        for _ in range(2):
            watch = await used(client, application)
            await until(lambda: not len(application.tabs))
            await asyncio.sleep(0.2)  # the connection's own task ends
            left.append(still_there(watch))
        return left

    assert asking(ask, volume=sample_volume(), **SOON) == [[], []]


async def at_work(client, application):
    """Name, folder and parts of a tab whose thread computes a mask."""
    await tab_of(client)
    (tab,) = application.tabs.all
    tab.free_at = None
    await until(lambda: tab.workspace.state.stage == "ready")
    tab.workspace.act("place_here")
    assert tab.workspace.state.is_working
    return tab.name, tab.folder, watched(tab)


def test_a_tab_that_is_closed_at_work_waits_for_its_thread_and_is_gone():
    async def ask(client, application):
        name, folder, watch = await at_work(client, application)
        await application.tabs.close(name)
        working = [thread.name for thread in threading.enumerate() if thread.name.startswith("fast3dsam")]
        return still_there(watch), working, folder.exists()

    assert asking(ask, delay=0.1, volume=sample_volume()) == ([], [], False)


def test_the_app_that_is_stopped_while_a_tab_is_being_closed_waits_for_it():
    async def ask(client, application):
        name, folder, watch = await at_work(client, application)
        application.tabs.all[0].free_at = 0.0
        await until(lambda: application.tabs.get(name) is None)
        assert len(application.tabs) == 1 and folder.exists()  # it waits for its thread
        await application.stop()
        return still_there(watch), folder.exists()

    assert asking(ask, delay=0.1, volume=sample_volume()) == ([], False)


def test_the_app_ends_cleanly_while_a_tab_reads_its_volume():
    process = subprocess.Popen(
        [sys.executable, "-X", "faulthandler", "-m", "Testing.web.serve"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    address = process.stdout.readline().strip()
    urlopen(address).read()
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0 and "Traceback" not in errors, errors[-4000:]
