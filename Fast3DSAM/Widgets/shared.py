"""The one workbench of the application: the module and the Segment Editor effect share session and embeddings."""

from __future__ import annotations

from typing import Optional

import slicer

from .session_maker import MakeSession, make_session
from .workbench import Workbench

_bench: Optional[Workbench] = None


def shared_bench(make: MakeSession = make_session) -> Workbench:
    """Made when it is first needed, with sessions by `make`; nothing is loaded yet."""
    global _bench
    if _bench is None or _bench.scene is not slicer.mrmlScene:
        close_bench()
        _bench = Workbench(slicer.mrmlScene, make)
    return _bench


def close_bench() -> None:
    """End its thread and observations, if there is one."""
    global _bench
    bench, _bench = _bench, None
    if bench is not None:
        bench.close()
