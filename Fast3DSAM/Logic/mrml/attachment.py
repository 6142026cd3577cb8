"""One session at work on one volume and one segmentation: the way from a prompt to the changed segment."""

from __future__ import annotations

from typing import Callable, List, Optional, Sequence, Tuple

import numpy as np
import slicer

from ..errors import Fast3DSAMError, InvalidPromptError, SceneError
from ..prompts import PromptHistory
from .locks import is_locked
from .markups import ScenePoint
from .observers import Observers
from .prompt_session import MaskUpdate, PromptSession
from .segment_states import SegmentStates
from .segmentations import SegmentationTarget
from .surface_updater import Later, SurfaceUpdater
from .volumes import VolumeInput, world_geometry

ACTIVE_ATTRIBUTE = "Fast3DSAM.ActiveSegment"


class Attachment:
    """`active`: ID of the segment that prompts go to; None: the next prompt makes a new one.

    `later`: see `SurfaceUpdater`.
    """

    def __init__(
        self,
        session: PromptSession,
        volume: VolumeInput,
        target: SegmentationTarget,
        show_points: Callable[[], None],
        on_error: Callable[[str], None],
        later: Optional[Later] = None,
    ) -> None:
        self.session = session
        self.volume = volume
        self.target = target
        self.surfaces = SurfaceUpdater(target, later)
        self.states = SegmentStates(target, session, on_error)
        self.geometry = world_geometry(volume.node)
        self.active: Optional[str] = None
        self._show_points = show_points
        self._on_error = on_error
        self._observers = Observers()
        self._history = session.history

    def observe(self) -> None:
        """Notice what others do to the volume and to the segments."""
        add, volume, segments, events = self._observers.add, self.volume.node, self.target.node, slicer.vtkSegmentation
        add(volume, volume.TransformModifiedEvent, self._volume_changed)
        add(volume, "ModifiedEvent", self._volume_changed)
        add(segments, events.SegmentRemoved, self._segment_removed, data=str)
        add(segments, events.SegmentModified, self._segment_changed, data=str)
        add(segments, events.SourceRepresentationModified, self._segment_changed, data=str)
        add(segments, segments.SegmentationChangedEvent, self._segment_changed)
        self.surfaces.observe()

    def close(self) -> None:
        """Notice nothing any more."""
        self._observers.clear()
        self.surfaces.close()

    def resume(self) -> None:
        """Go to the segment that was active when the scene was saved."""
        active = self.target.node.GetAttribute(ACTIVE_ATTRIBUTE)
        self.activate(active if active in self.target.segment_ids else None)

    def activate(self, segment_id: Optional[str]) -> None:
        """Give the session this segment's prompts; no segment changes."""
        if segment_id is None:
            self.session.use_history(PromptHistory())
        else:
            self.target.segment(segment_id)
            self.states.activate(segment_id)
        self._history = self.session.history
        self._remember(segment_id)

    def moved(self) -> bool:
        """Follow the volume's transform; True if it lies elsewhere now. Raises `GeometryError` if non-linear."""
        geometry = world_geometry(self.volume.node)
        if geometry == self.geometry:
            return False
        self.geometry = geometry
        return True

    def points(self) -> List[ScenePoint]:
        """The active segment's points, in the world."""
        return [
            ScenePoint(p.id, tuple(map(float, self.geometry.kji_to_ras(p.position))), p.positive)
            for p in self.session.prompts.points
        ]

    def kji(self, positions_ras: Sequence) -> np.ndarray:
        """(..., 3) world RAS mm -> (..., 3) voxels (k, j, i). Raises `InvalidPromptError` outside the volume."""
        kji = self.voxels(positions_ras)
        beyond = ((kji < -0.5) | (kji > np.array(self.volume.shape) - 0.5)).any(axis=-1)
        if beyond.any():
            r, a, s = np.asarray(positions_ras)[beyond][0] if beyond.ndim else positions_ras
            raise InvalidPromptError(
                f"R {r:.1f}, A {a:.1f}, S {s:.1f} mm lies outside the volume '{self.volume.name}'; click inside it."
            )
        return kji

    def box_kji(self, corners_ras: Sequence) -> Tuple[np.ndarray, np.ndarray]:
        """Lower and upper voxel of the box around world points; what of it lies beyond the volume is cut off."""
        kji = self.voxels(corners_ras)
        lo, hi, last = kji.min(axis=0), kji.max(axis=0), np.array(self.volume.shape) - 1
        if (hi >= 0).all() and (lo <= last).all():
            return np.maximum(lo, 0), np.minimum(hi, last)
        return lo, hi

    def voxels(self, positions_ras: Sequence) -> np.ndarray:
        """As `kji`, also beside the volume. Rounded, so that a click where a preview was has the very same prompts."""
        return np.round(self.geometry.ras_to_kji(positions_ras), 6)

    def reconcile(self) -> None:
        """Before a prompt: the volume must be as it was, the segment may have been changed by hand."""
        if self.session.history is not self._history:
            raise SceneError(f"Another volume takes the place of '{self.volume.name}'; wait until it is ready.")
        if not self.volume.is_current:
            raise SceneError(f"The voxels of '{self.volume.name}' were changed; prepare the volume again.")
        self.moved()
        self.target.check()
        if self.active is not None:
            self.target.segment(self.active)
            self.states.reconcile(self.active)
            self._history = self.session.history

    def change(self, ask: Callable[[], MaskUpdate], save: bool) -> MaskUpdate:
        """Reconcile, let the session do `ask`, and write the mask if the prompts changed. `save`: for Slicer's undo."""
        self.reconcile()
        before = self.session.prompts
        update = ask()
        if self.session.prompts != before:
            if self.active is None:
                self._remember(self.target.add())
                self.states.begin(self.active)
            self._write(update, save)
        return update

    def _write(self, update: MaskUpdate, save: bool) -> None:
        target, states = self.target, self.states
        if save:
            target.save_state()
        others = [id for id in target.segment_ids if id != self.active and not is_locked(target.node, id)]
        intact = {id for id in others if states.intact(id)}
        with self.surfaces.waiting(self.active) as written:
            mask, changed = target.write(self.active, update.box, update.box_mask)
            written.update(changed)
        for id in written.difference(changed, {self.active}):  # by the Segment Editor
            states.suspect(id)
        states.written(self.active, update.box, mask)
        for id in intact.intersection(changed):
            states.renew(id)

    def _segment_changed(self, segment_id: Optional[str] = None) -> None:
        if not self.target.is_writing:
            self.states.suspect(segment_id)

    def _segment_removed(self, segment_id: str) -> None:
        self.states.forget(segment_id)
        if self.active == segment_id:
            self.activate(None)
            self._show_points()

    def _volume_changed(self) -> None:
        try:
            if self.moved():
                self._show_points()
        except Fast3DSAMError as error:
            self._on_error(str(error))

    def _remember(self, segment_id: Optional[str]) -> None:
        self.active = segment_id
        self.target.node.SetAttribute(ACTIVE_ATTRIBUTE, segment_id or "")
