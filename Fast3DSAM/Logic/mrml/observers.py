"""Observers that are removed together and keep nothing alive: a forgotten one would write into the next scene."""

from __future__ import annotations

import weakref
from typing import Callable, List, Optional, Tuple

import vtk

_CALL_DATA = {str: vtk.VTK_STRING, object: vtk.VTK_OBJECT}


class Observers:
    """Adds VTK observers and removes all of them with `clear`."""

    def __init__(self) -> None:
        self._tags: List[Tuple[object, int]] = []

    def add(
        self, target, event, callback: Callable[..., None], data: Optional[type] = None, priority: float = 0.0
    ) -> None:
        """Call the bound method `callback()` at `event`; with `data` = str or object, `callback(call_data)`.

        The method's object is held weakly: once it is gone, nothing is called. `priority` above 0 comes before Slicer's
        own observers, which may end an event.
        """
        reference = weakref.WeakMethod(callback)

        def observe(caller, name, call_data=None):
            method = reference()
            if method is not None and data is None:
                method()
            elif method is not None:
                method(call_data)

        if data is not None:
            observe.CallDataType = _CALL_DATA[data]
        self._tags.append((target, target.AddObserver(event, observe, priority)))

    def clear(self) -> None:
        """Remove every observer that `add` made."""
        for target, tag in self._tags:
            target.RemoveObserver(tag)
        self._tags.clear()

    def __del__(self) -> None:
        # Otherwise VTK would call into a half-collected object.
        self.clear()
