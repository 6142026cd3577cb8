"""An interactive session on a MRML scene: Markups points in, segments out. No Qt, no torch, no global scene.

Positions are world RAS millimetres. What a user does to the Markups points is reported through `on_update` and
`on_error`; what the caller asks for by a method is returned or raised. Main thread only; to embed a volume elsewhere,
call `read_volume` here, `session.set_volume(volume.voxels, geometry=volume.geometry)` there, and `attach` here.
"""

from __future__ import annotations

from typing import Callable, List, Optional, Sequence

import numpy as np

from ..deferred import Background, MaskPending
from ..errors import SceneError
from .attachment import Attachment
from .markups import Key, PromptMarkups, ScenePoint
from .observers import Observers
from .point_follower import Ask, PointFollower
from .prompt_session import MaskUpdate, PromptSession
from .scene_prompts import ScenePrompts
from .scene_segments import SceneSegments
from .segmentations import SegmentationTarget, new_segmentation
from .surface_updater import Later
from .turns import Turns
from .volumes import VolumeInput, read_volume, require_in_scene
from .waiting_points import WaitingPoints

_NO_VOLUME = "There is no volume to segment yet; choose a volume first."


class SceneSession(ScenePrompts, SceneSegments):
    """Ties one `session` to one volume, one segmentation and two Markups nodes of `scene`.

    `foreground`, `background`: fiducial nodes to use; where None, the scene's own ones, else new ones. `save_state`:
    see `SegmentationTarget`; the Segment Editor passes its own. `on_update(update)` runs after each change.
    `worker` computes the masks of a session that never waits; where one has to be computed, a method returns None
    and the change comes later, in order, with `on_update`. `later` lets surfaces wait for a pause (`SurfaceUpdater`).
    """

    def __init__(
        self,
        scene,
        session: PromptSession,
        *,
        foreground=None,
        background=None,
        on_update: Optional[Callable[[MaskUpdate], None]] = None,
        on_error: Optional[Callable[[str], None]] = None,
        save_state: Optional[Callable[[], object]] = None,
        worker: Optional[Background] = None,
        later: Optional[Later] = None,
    ) -> None:
        self.session = session
        self.make_target: Callable[..., SegmentationTarget] = SegmentationTarget  # what the next `attach` writes with
        self._scene = scene
        self._given = (foreground, background)
        self._on_update = on_update or (lambda update: None)
        self._on_error = on_error or (lambda message: None)
        self._save_state = save_state
        self._later = later
        self._attached: Optional[Attachment] = None
        self._is_changing = False
        self._markups = PromptMarkups(scene, self._points_changed)
        self._follower = PointFollower(session, self._markups, self._idle_attachment, self._change, self._on_error)
        subject = lambda: self.active_segment_id  # noqa: E731
        self._turns = Turns(session, worker, subject, self._follow, self._on_error)
        self._waiting_points = WaitingPoints(self._markups, self._follower, self._turns, subject)
        self._why_detached = _NO_VOLUME
        self._scene_observers = Observers()
        self._scene_observers.add(scene, scene.NodeRemovedEvent, self._node_removed, data=object)
        self._scene_observers.add(scene, scene.StartCloseEvent, self._scene_closing)

    # --- volume and segmentation -------------------------------------------------------------------------------------

    def set_volume(self, volume_node, segmentation_node=None, progress=None, cancel=None) -> float:
        """Read, embed and attach in one go; seconds of embedding."""
        volume = read_volume(require_in_scene(volume_node, self._scene, "volume"))
        seconds = self.session.set_volume(volume.voxels, geometry=volume.geometry, progress=progress, cancel=cancel)
        self.attach(volume, segmentation_node)
        return seconds

    def attach(self, volume: VolumeInput, segmentation_node=None) -> None:
        """Work on a volume that the session already has; without a segmentation node a new one is made.

        Goes on with the segment that was active when the scene was saved. Points that the user placed before count as
        clicks. Raises `SceneError` where a node is gone or the volume was changed meanwhile.
        """
        require_in_scene(volume.node, self._scene, "volume")
        if not volume.is_current or not self.session.has_volume or tuple(self.session.shape) != tuple(volume.shape):
            raise SceneError(f"The volume '{volume.name}' is not the one that was prepared; prepare it again.")
        if segmentation_node is None:
            segmentation_node = new_segmentation(self._scene, volume)
        require_in_scene(segmentation_node, self._scene, "segmentation")
        target = self.make_target(segmentation_node, volume, save_state=self._save_state)
        attached = Attachment(self.session, volume, target, self._show_points, self._on_error, self._later)
        self.detach()
        self._attached = attached
        attached.observe()
        self._markups.use(*(node if node and self._scene.IsNodePresent(node) else None for node in self._given))
        self._turns.take(self._resume)

    def detach(self, why: str = _NO_VOLUME) -> None:
        """Let go of volume and segmentation; prompts and segments stay in the scene."""
        self._turns.clear()
        self._waiting_points.clear()
        if self._attached:
            self._attached.close()
        self._markups.close()
        self._attached = None
        self._why_detached = why

    def close(self) -> None:
        """Remove every observer; afterwards nothing in the scene calls this object."""
        self.detach("This session was closed; start a new one.")
        self._scene_observers.clear()

    @property
    def is_attached(self) -> bool:
        return self._attached is not None

    @property
    def is_waiting(self) -> bool:  # while a mask is computed elsewhere
        return self._turns.is_waiting

    @property
    def volume_node(self):
        return self._attached.volume.node if self._attached else None

    @property
    def segmentation_node(self):
        return self._attached.target.node if self._attached else None

    def place_node(self, positive: bool):
        """The node to place points of this sign in; made anew where the user has deleted it."""
        self._ready()
        return self._markups.node(positive)

    @property
    def foreground_node(self):
        """The node to place foreground points in; it can change when the user deletes it."""
        return self._markups.node(True)

    @property
    def background_node(self):
        return self._markups.node(False)

    @property
    def history(self):
        """Our `vtkSegmentationHistory`: Slicer's own undo and redo of the segmentation."""
        return self._ready().target.history

    # --- points -------------------------------------------------------------------------------------------------------

    def points(self) -> List[ScenePoint]:
        """The active segment's points in the order in which they were given."""
        return self._attached.points() if self._attached else []

    def to_ras(self, positions: Sequence) -> np.ndarray:
        """(..., 3) voxels (k, j, i) -> (..., 3) world positions."""
        return np.asarray(self._ready().geometry.kji_to_ras(positions))

    # --- inside ------------------------------------------------------------------------------------------------------

    def _ready(self) -> Attachment:
        if self._attached is None:
            raise SceneError(self._why_detached)
        if None in (self.foreground_node, self.background_node):
            self._markups.use()
            self._show_points()
        return self._attached

    def _change(self, ask: Ask, save: bool = True, reject: Sequence[Key] = ()) -> Optional[MaskUpdate]:
        self._ready()
        return self._turns.take(lambda: self._change_now(ask, save, reject), lambda: self._show_points(reject))

    def _change_now(self, ask: Ask, save: bool, reject: Sequence[Key]) -> MaskUpdate:
        attached = self._ready()
        if self._is_changing:
            raise SceneError("The previous prompt is still being worked on; try again when it is done.")
        self._is_changing = True
        failed = True
        try:
            update = attached.change(lambda: ask(attached), save)
            failed = False
        except MaskPending:
            failed = False
            raise
        finally:
            self._is_changing = False
            self._markups.show(self.points(), reject if failed else (), keep_unseen=not failed)
        self._on_update(update)
        self._follow()  # a point that came in the meantime
        return update

    def _activate(self, segment_id: Optional[str]) -> None:
        attached = self._ready()
        if segment_id != attached.active:
            attached.activate(segment_id)
            self._show_points()

    def _resume(self) -> None:
        attached = self._ready()
        attached.resume()
        self._markups.match(attached.points())
        self._markups.show(attached.points())
        self._follow()

    def _points_changed(self) -> None:
        if self._turns.is_waiting:
            self._waiting_points.look()
        else:
            self._follow()

    def _follow(self) -> None:
        if not self._turns.is_queued:
            self._follower.follow()

    def _idle_attachment(self) -> Optional[Attachment]:
        return None if self._is_changing or self._turns.is_waiting else self._attached

    def _show_points(self, reject: Sequence[Key] = ()) -> None:
        self._markups.show(self.points(), reject)

    def _node_removed(self, node) -> None:
        if node is self.volume_node:
            self.session.clear_volume()
            self.detach(f"The volume '{node.GetName()}' was deleted; choose another volume.")
        elif node is self.segmentation_node:
            self.detach(f"The segmentation '{node.GetName()}' was deleted; choose or make another one.")
        else:
            self._markups.lose(node)

    def _scene_closing(self) -> None:
        if self._attached:
            self.session.clear_volume()
        self.detach("The scene was closed; choose a volume.")
