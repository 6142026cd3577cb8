"""Observers that are removed together: a forgotten one keeps a closed panel alive, writing into a new scene."""

from __future__ import annotations

from typing import Callable, List, Optional, Tuple

import vtk

_CALL_DATA = {str: vtk.VTK_STRING, object: vtk.VTK_OBJECT}


class Observers:
    """Adds VTK observers and removes all of them with `clear`."""

    def __init__(self) -> None:
        self._tags: List[Tuple[object, int]] = []

    def add(self, target, event, callback: Callable[..., None], data: Optional[type] = None) -> None:
        """Call `callback()` at `event`; with `data` = str or object, `callback(call_data)`."""

        def observe(caller, name, call_data=None):
            if data is None:
                callback()
            else:
                callback(call_data)

        if data is not None:
            observe.CallDataType = _CALL_DATA[data]
        self._tags.append((target, target.AddObserver(event, observe)))

    def clear(self) -> None:
        """Remove every observer that `add` made."""
        for target, tag in self._tags:
            target.RemoveObserver(tag)
        self._tags.clear()
