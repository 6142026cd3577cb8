"""The 3D surfaces of segments follow clicks after a pause: making one costs more than all the rest of a click.

Slicer makes the surface of a segment anew at each write of its labelmap. Here a write leaves the surface as it was and
marks it as stale; after a pause those that are marked are made anew, and no others. The mark lies in the surface
itself, so that it is also known for stale where Slicer's undo brings it back from a state that was saved meanwhile.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import Callable, Dict, Iterator, List, Optional, Protocol, Set

import slicer
import vtk

from .observers import Observers
from .segmentations import LABELMAP, SegmentationTarget

SURFACE = "Closed surface"
_STALE = "Fast3DSAM.Stale"  # name of an array among the surface's field data


class Later(Protocol):
    """Does one thing after a pause, in the thread that asked for it."""

    def after_pause(self, call: Callable[[], None]) -> None:
        """Do `call()` once nothing was asked for during a pause; only the newest `call` is done."""
        ...

    def cancel(self) -> None:
        """Do nothing of what was asked for."""
        ...


class SurfaceUpdater:
    """For the segments of `target`. Where `later` is None, Slicer makes surfaces at each write, as it always does."""

    def __init__(self, target: SegmentationTarget, later: Optional[Later]) -> None:
        self._target = target
        self._later = later
        self._written: Set[str] = set()
        self._is_own = False
        self._observers = Observers()

    def observe(self) -> None:
        """From now on, notice surfaces that Slicer's undo brings back."""
        if self._later is None:
            return
        node, events = self._target.node, slicer.vtkSegmentation
        self._observers.add(node, events.SegmentModified, self._segment_modified, data=str)
        self._wait_if_stale()

    @contextmanager
    def waiting(self, segment_id: str) -> Iterator[Set[str]]:
        """A write inside of what `segment_id` is to be leaves the surfaces as they are, until the pause is over.

        Yields the IDs of the segments that were written; whoever knows of further ones adds them.
        """
        self._written = {segment_id}
        surfaces = {} if self._later is None else self._surfaces(self._target.may_change(segment_id))
        if not surfaces:
            yield self._written
            return
        # The scene hears of the write when the surfaces are back: a 3D view that misses one has it made at once.
        node, watch = self._target.node, Observers()
        watch.add(self._segmentation, slicer.vtkSegmentation.SourceRepresentationModified, self._was_written, data=str)
        was_modifying = node.StartModify()
        try:
            self._take_out(surfaces)
            yield self._written
        finally:
            watch.clear()
            with self._own_change():
                self._put_back(surfaces)
                node.EndModify(was_modifying)
            self._wait_if_stale()

    def update(self) -> None:
        """Make the surfaces that are stale or missing anew, now; nothing where no surface is shown."""
        if self._later is None:
            return
        self._later.cancel()
        stale = [id for id in self._target.segment_ids if self._is_stale(id)]
        if not stale:
            return
        made = self._made(stale)
        with self._own_change():
            for id, surface in made.items():
                if self._surface(id) is None:
                    self._target.segment(id).AddRepresentation(SURFACE, surface)
                else:  # in place: a segment that is modified takes the user's redo away
                    self._surface(id).ShallowCopy(surface)
                self._segmentation.InvokeEvent(slicer.vtkSegmentation.RepresentationModified, id)

    def close(self) -> None:
        """Notice nothing any more; what waits is done now, unless the scene is being closed."""
        self._observers.clear()
        scene = self._target.node.GetScene()
        if scene is not None and not scene.IsClosing():
            self.update()
        elif self._later is not None:
            self._later.cancel()

    @property
    def _segmentation(self):
        return self._target.node.GetSegmentation()

    def _surface(self, segment_id: str):
        return self._target.segment(segment_id).GetRepresentation(SURFACE)

    def _is_stale(self, segment_id: str) -> bool:
        surface = self._surface(segment_id)
        if surface is None:  # all segments have the same representations, or should have
            return any(self._surface(id) is not None for id in self._target.segment_ids)
        return bool(surface.GetFieldData().HasArray(_STALE))

    def _made(self, segment_ids: List[str]) -> Dict[str, object]:
        """Surfaces of the segments as they are now, by Slicer's conversion and with the segmentation's parameters."""
        alone = slicer.vtkSegmentation()
        alone.SetSourceRepresentationName(LABELMAP)
        alone.CopyConversionParameters(self._segmentation)
        for id in segment_ids:
            image, copy = slicer.vtkOrientedImageData(), slicer.vtkSegment()
            image.ShallowCopy(self._target.segment(id).GetRepresentation(LABELMAP))
            copy.SetLabelValue(self._target.segment(id).GetLabelValue())
            copy.AddRepresentation(LABELMAP, image)
            alone.AddSegment(copy, id)
        alone.CreateRepresentation(SURFACE)
        return {id: alone.GetSegment(id).GetRepresentation(SURFACE) for id in segment_ids}

    def _surfaces(self, segment_ids: List[str]) -> Dict[str, object]:
        found = {id: self._surface(id) for id in segment_ids}
        return {id: surface for id, surface in found.items() if surface is not None}

    def _take_out(self, surfaces: Dict[str, object]) -> None:
        """Slicer makes anew what it finds in a segment, so it must find nothing."""
        with self._own_change():
            for id in surfaces:
                self._target.segment(id).RemoveRepresentation(SURFACE)

    def _put_back(self, surfaces: Dict[str, object]) -> None:
        for id, surface in surfaces.items():
            if id in self._written and not surface.GetFieldData().HasArray(_STALE):
                mark = vtk.vtkIntArray()
                mark.SetName(_STALE)
                surface.GetFieldData().AddArray(mark)
            self._target.segment(id).AddRepresentation(SURFACE, surface)

    def _wait_if_stale(self) -> None:
        if any(self._is_stale(id) for id in self._target.segment_ids):
            self._later.after_pause(self.update)

    def _segment_modified(self, segment_id: Optional[str]) -> None:
        if self._is_own:
            return
        if not segment_id:  # several changes, told together
            self._wait_if_stale()
        elif segment_id in self._target.segment_ids and self._is_stale(segment_id):
            self._later.after_pause(self.update)

    def _was_written(self, segment_id: str) -> None:
        self._written.add(segment_id)

    @contextmanager
    def _own_change(self) -> Iterator[None]:
        before, self._is_own = self._is_own, True
        try:
            with self._target.own_change():
                yield
        finally:
            self._is_own = before
