"""The work behind the panel and the Segment Editor effect: one session, one worker, one scene. Qt only in its timer."""

from __future__ import annotations

import logging
import time
from importlib.util import find_spec
from threading import Event
from typing import Callable, List, Optional

import qt
from slicer.i18n import tr as _

from ..Logic.deferred import MaskPending
from ..Logic.errors import EmbeddingCancelled, Fast3DSAMError, SceneError
from ..Logic.mrml.observers import Observers
from ..Logic.mrml.scene_session import SceneSession
from ..Logic.mrml.segmentations import SegmentationTarget
from ..Logic.mrml.volumes import VolumeInput, read_volume
from ..Logic.session import InteractiveSession
from .parameters import Parameters
from .pause import Pause
from .session_maker import MakeSession, make_session
from .status import Answer, Engine, Stage, Status
from .volume_shelf import VolumeShelf
from .worker import Worker

_PATIENCE = 0.004  # seconds in which the main thread waits for the worker, per turn of the timer
_logger = logging.getLogger(__name__)


def torch_is_there() -> bool:
    """Whether PyTorch can be imported; does not import it."""
    return find_spec("torch") is not None


class Workbench:
    """Main thread only. Listeners are called after each change of anything that is shown."""

    def __init__(self, scene, make: MakeSession = make_session) -> None:
        self.scene = scene
        self.parameters = Parameters(scene)
        self.status, self.answer, self.error = Status(), None, ""
        self.session: Optional[InteractiveSession] = None
        self.work: Optional[SceneSession] = None
        self.listeners: List[Callable[[], None]] = []
        self._make = make
        self._shelf = VolumeShelf()
        self._volume: Optional[VolumeInput] = None
        self._segmentation = None
        self._chosen = None  # the volume that was prepared last, or failed, or was cancelled: not again unasked
        self._cancel = Event()
        self._forget: Callable[[], None] = lambda: None
        self._asked: Optional[float] = None
        self._make_target: Callable[..., SegmentationTarget] = SegmentationTarget
        self._timer = qt.QTimer()
        self._timer.setInterval(1)
        self._timer.timeout.connect(self._deliver)
        self.worker = Worker(on_submit=self._timer.start)
        self._observers, self._volume_observers = Observers(), Observers()
        self._observers.add(scene, scene.NodeRemovedEvent, self._node_removed, data=object)
        self._observers.add(scene, scene.EndCloseEvent, self._scene_closed)

    # --- the volume

    @property
    def is_ready(self) -> bool:
        return self.work is not None and self.work.is_attached

    @property
    def is_working(self) -> bool:
        """True while a mask is computed."""
        return self._asked is not None

    def follow_parameters(self) -> None:
        """Prepare the chosen volume, and use the chosen segmentation, unless that is so already."""
        volume, segmentation = self.parameters.volume, self.parameters.segmentation
        if volume is None:
            if self._chosen is not None:
                self._chosen = None
                self.let_go(Status())
        elif volume is not self._chosen:
            self.prepare()
        elif self.is_ready and segmentation is not self.work.segmentation_node:
            self._attach(self._volume)

    def prepare(self) -> None:
        """Embed the chosen volume in the background and go to work on it."""
        self.let_go(Status())
        node = self._chosen = self.parameters.volume
        if node is None:
            return self._say(Status())
        self.error = ""
        try:
            volume = read_volume(node)
        except Fast3DSAMError as error:
            return self._say(Status(Stage.FAILED, str(error)))
        self._watch(volume)
        prepared = self._shelf.find(volume)
        if prepared is not None and self.session is not None:
            self.session.use_volume(prepared)
            self._attach(volume, _("Ready; the embedding was kept"))
        elif self.session is None and self._make is make_session and not torch_is_there():
            self._say(Status(Stage.NO_TORCH, _("PyTorch is not installed yet; the segmentation needs it.")))
        else:
            self._embed(volume)

    def cancel(self) -> None:
        """Stop preparing the volume."""
        self.let_go(Status(Stage.NOT_READY, _("Cancelled. Press Prepare to start again.")))

    def let_go(self, status: Status) -> None:
        """Stop what is under way and detach; segments, prompts and finished embeddings stay."""
        self._cancel.set()
        self._forget()
        if self.is_ready:
            self.work.detach()
        self._volume_observers.clear()
        self._volume = self._segmentation = self._asked = None
        self._say(status)

    def write_with(self, make_target: Callable[..., SegmentationTarget] = SegmentationTarget) -> None:
        """Let segments be written by another target from now on: the Segment Editor has its own."""
        self._make_target = make_target
        if self.is_ready and self._volume is not None:
            self._attach(self._volume)

    def restart(self) -> None:
        """Load the network anew, as device or weights were changed, and prepare the volume again."""
        self.let_go(Status())
        self._shelf.clear()
        if self.work is not None:
            self.work.close()
        self.session = self.work = self.answer = None
        self.prepare()

    def close(self) -> None:
        """End the thread and every observation; the scene stays as it is."""
        self._cancel.set()
        self._timer.stop()
        if not self.worker.stop():
            _logger.warning("The thread of Fast3DSAM is still at work; it ends by itself.")
        if self.work is not None:
            self.work.close()
        self._volume_observers.clear()
        self._observers.clear()
        self.listeners.clear()

    # --- prompts

    def attempt(self, action: Callable[[SceneSession], object]) -> object:
        """What `action(work)` returns; an error of the user's becomes the panel's error line."""
        self.error = ""
        try:
            if not self.is_ready:
                raise SceneError(_("There is no prepared volume yet; choose a volume and wait until it is ready."))
            return action(self.work)
        except MaskPending as pending:  # only where the segment was changed by hand: ask again when it is known
            prompts = pending.prompts
            self.run(lambda: self.session.prepare(prompts), lambda error: self.attempt(action))
        except Fast3DSAMError as error:
            self.error = str(error)
        finally:
            self.changed()

    def engine(self) -> Optional[Engine]:
        """What runs; None before the network is loaded."""
        if self.session is None:
            return None
        level = self.session.level if self.session.has_volume else None
        return Engine(self.session.predictor.device_name, self.session.embeddings.nbytes, *(level or ()))

    def run(self, job: Callable[[], object], done: Callable[[Optional[Exception]], None]) -> Callable[[], None]:
        """`Background`: compute a mask in the thread."""
        self._asked = time.perf_counter()

        def finished(error: Optional[Exception]) -> None:
            asked = self._asked
            try:
                done(error)
            finally:
                if self._asked is asked:  # else the next one has begun
                    self._asked = None
                self.changed()

        forget = self.worker.submit("mask", job, finished)
        self.changed()
        return forget

    def changed(self) -> None:
        for listener in list(self.listeners):
            listener()

    # --- inside

    def _embed(self, volume: VolumeInput) -> None:
        cancel = self._cancel = Event()
        known, settings, make = self.session, self.parameters.engine_settings(), self._make
        made: list = []

        begun = time.perf_counter()

        def report(share: float, text: str) -> None:
            told = f"{_(text)}   ·   {time.perf_counter() - begun:.0f} s"
            self.worker.post(lambda: cancel.is_set() or self._say(Status(Stage.PREPARING, told, share)))

        def work() -> None:
            if known is None:
                report(0.0, "Loading the network")
            session = known or make(settings)
            made.append(session)
            if cancel.is_set():
                raise EmbeddingCancelled(_("The embedding was cancelled."))
            made.append(session.prepare_volume(volume.voxels, geometry=volume.geometry, progress=report, cancel=cancel))

        def done(error: Optional[Exception]) -> None:
            if made and self.session is None:
                self._start(made[0])
            if error is not None:
                return self._failed(error)
            self.session.use_volume(made[1])
            self._shelf.keep(volume, made[1])
            self._attach(volume, _("Ready; embedded in {seconds:.1f} s").format(seconds=made[1].seconds))

        self._say(Status(Stage.PREPARING, _("Waiting for the last computation to end")))
        self._forget = self.worker.submit("volume", work, done)

    def _start(self, session: InteractiveSession) -> None:
        session.never_wait = True
        self.session = session
        told = {"on_update": self._updated, "on_error": self._complain}
        self.work = SceneSession(self.scene, session, **told, worker=self, later=Pause())

    def _attach(self, volume: VolumeInput, text: Optional[str] = None) -> None:
        self.work.make_target = self._make_target
        try:
            self.work.attach(volume, self.parameters.segmentation)
        except Fast3DSAMError as error:
            return self._failed(error)
        self._segmentation = self.parameters.segmentation = self.work.segmentation_node
        self._say(Status(Stage.READY, text or self.status.text))

    def _failed(self, error: Exception) -> None:
        if not isinstance(error, Fast3DSAMError):
            _logger.error("The volume could not be prepared.", exc_info=error)
        text = str(error) if isinstance(error, Fast3DSAMError) else f"{type(error).__name__}: {error}"
        self._say(Status(Stage.FAILED, text))

    def _watch(self, volume: VolumeInput) -> None:
        self._volume = volume
        self._volume_observers.add(volume.node, volume.node.ImageDataModifiedEvent, self._image_changed)
        self._volume_observers.add(volume.node, "ModifiedEvent", self._image_changed)

    def _image_changed(self) -> None:
        if self._volume is not None and not self._volume.is_current:
            name = self._volume.name
            self._shelf.forget(self._volume.node)
            text = _("The voxels of '{name}' were changed; press Prepare to embed it again.").format(name=name)
            self.let_go(Status(Stage.NOT_READY, text))

    def _updated(self, update) -> None:
        seconds = update.seconds if self._asked is None else time.perf_counter() - self._asked
        self.error, self.answer = "", Answer(update.iou, seconds)
        self.changed()

    def _complain(self, message: str) -> None:
        self.error = message
        self.changed()

    def _say(self, status: Status) -> None:
        self.status = status
        self.changed()

    def _deliver(self) -> None:
        self.worker.deliver(_PATIENCE)
        if not self.worker.is_busy:
            self._timer.stop()

    def _node_removed(self, node) -> None:
        self._shelf.forget(node)
        if self._volume is not None and node is self._volume.node:
            text = _("The volume '{name}' was deleted; choose another one.").format(name=self._volume.name)
            self._chosen = None
            self.let_go(Status(Stage.NO_VOLUME, text))
        elif self._segmentation is not None and node is self._segmentation:
            text = _("The segmentation was deleted; choose or make another one.")
            self.let_go(Status(Stage.NOT_READY, text))

    def _scene_closed(self) -> None:
        self._shelf.clear()
        self.parameters = Parameters(self.scene)
        self.error, self.answer, self._chosen = "", None, None
        self.let_go(Status())
