"""What the Segment Editor effect does: the workbench of the module, writing through the Editor's own logic."""

from __future__ import annotations

from pathlib import Path
from typing import List

import qt
import slicer
import slicer.util
from slicer.i18n import tr as _

from ..Logic.mrml.editor_target import EditorTarget
from ..Logic.mrml.observers import Observers
from .install import install_torch
from .panel_view import icon
from .placing import Placing
from .preview import LivePreview
from .shared import shared_bench
from .status import Stage

EFFECT_NAME = "Fast 3D SAM"
EFFECT_FILE = Path(__file__).with_name("SegmentEditorFast3DSAMEffect.py")


def new_effect():
    """A scripted effect that runs `SegmentEditorFast3DSAMEffect.py`."""
    import qSlicerSegmentationsEditorEffectsPythonQt as effects

    effect = effects.qSlicerSegmentEditorScriptedEffect(None)
    effect.setPythonSource(EFFECT_FILE.as_posix())
    return effect


def register_effect() -> None:
    """Put it among the Segment Editor's effects."""
    new_effect().self().register()


class EditorTool:
    """`host` is Slicer's side of the effect: the Editor's node, its undo, its way to change the selected segment."""

    def __init__(self, host) -> None:
        self._host = host
        self._is_active = False
        self._keys: List[object] = []
        self._observers = Observers()
        self._bench = self.placing = self._preview = None
        self.widget = qt.QWidget()
        rows = qt.QVBoxLayout(self.widget)
        rows.setContentsMargins(0, 0, 0, 0)
        self.status = qt.QLabel()
        self.status.setWordWrap(True)
        self.prepare = self._button(_("Prepare"), "prepare", _("Embed the volume; each click is fast afterwards."))
        self.foreground = self._button(_("Foreground  (F)"), "foreground", _("Click inside the object. Key: F"), True)
        self.background = self._button(_("Background  (B)"), "background", _("Click where it is not. Key: B"), True)
        self.clear = self._button(_("Clear clicks"), "clear", _("Remove all clicks of this segment."))
        signs = qt.QHBoxLayout()
        signs.addWidget(self.foreground)
        signs.addWidget(self.background)
        rows.addWidget(self.status)
        rows.addWidget(self.prepare)
        rows.addLayout(signs)
        rows.addWidget(self.clear)
        self.prepare.clicked.connect(lambda on=False: self._prepare())
        self.foreground.clicked.connect(lambda on=False: self.place(True))
        self.background.clicked.connect(lambda on=False: self.place(False))
        self.clear.clicked.connect(lambda on=False: self._bench.attempt(lambda work: work.clear()))

    def activate(self) -> None:
        """The user chose the effect."""
        self._bench = shared_bench()
        self.placing = Placing(self._bench)
        self._preview = LivePreview(self._bench, lambda: self.placing.is_on)
        self._is_active = True
        self._bench.listeners.append(self.refresh)
        self._bench.write_with(self._target)
        self.placing.start()
        self._preview.start()
        if self._host.parameterSetNode() is not None:
            self._observers.add(self._host.parameterSetNode(), "ModifiedEvent", self.follow_editor)
        for key, positive in (("F", True), ("B", False)):
            self._add_key(key, lambda positive=positive: self.place(positive))
        self._add_key("Esc", lambda: self.placing.switch(False))
        self.follow_editor()

    def deactivate(self) -> None:
        """The user chose another one: mouse and keys are theirs again."""
        if not self._is_active:
            return
        self._is_active = False
        self._observers.clear()
        self.placing.stop()
        self._preview.stop()
        for shortcut in self._keys:
            shortcut.setEnabled(False)
            shortcut.deleteLater()
        self._keys.clear()
        if self.refresh in self._bench.listeners:
            self._bench.listeners.remove(self.refresh)
        self._bench.write_with()

    def follow_editor(self) -> None:
        """Work on the volume, segmentation and segment that are chosen in the Editor."""
        node = self._host.parameterSetNode() if self._is_active else None
        if node is None or node.GetSegmentationNode() is None:
            return
        parameters = self._bench.parameters
        with slicer.util.NodeModify(parameters.node):  # both change together
            parameters.segmentation = node.GetSegmentationNode()
            parameters.volume = node.GetSourceVolumeNode()
        self._bench.follow_parameters()
        self._follow_segment()

    def place(self, positive: bool) -> None:
        """Begin to place this sign, or stop if that was on."""
        parameters = self._bench.parameters
        on = not (self.placing.is_on and parameters.positive is positive)
        parameters.positive, parameters.tool = positive, "point"
        self.placing.switch(on)
        self._bench.changed()

    def refresh(self) -> None:
        """Show what is."""
        bench, ready = self._bench, self._bench.is_ready
        self._follow_segment()
        self.placing.follow()
        self.status.setText(bench.error or bench.status.text or _("Choose a source volume."))
        self.prepare.setVisible(bench.status.stage in (Stage.NOT_READY, Stage.FAILED, Stage.NO_TORCH))
        for button, positive in ((self.foreground, True), (self.background, False)):
            button.setEnabled(ready)
            button.setChecked(self.placing.is_on and bench.parameters.positive is positive)
        self.clear.setEnabled(ready and len(bench.session.prompts) > 0)
        self._preview.refresh()

    def _follow_segment(self) -> None:
        selected = self._host.parameterSetNode().GetSelectedSegmentID() if self._is_active else None
        work = self._bench.work
        if self._bench.is_ready and selected in work.segment_ids and not work.is_waiting:
            work.active_segment_id = selected

    def _prepare(self) -> None:
        if self._bench.status.stage is not Stage.NO_TORCH or install_torch(self._bench):
            self._bench.prepare()

    def _target(self, node, volume, save_state=None) -> EditorTarget:
        return EditorTarget(node, volume, self._modify, self._host.saveStateForUndo)

    def _modify(self, image, extent) -> None:
        mode = slicer.qSlicerSegmentEditorAbstractEffect.ModificationModeSet
        self._host.modifySelectedSegmentByLabelmap(image, mode, list(extent))

    def _button(self, text: str, name: str, tip: str, checkable: bool = False):
        button = qt.QPushButton(text)
        button.setIcon(icon(name))
        button.setToolTip(tip)
        button.setCheckable(checkable)
        return button

    def _add_key(self, key: str, call) -> None:
        shortcut = qt.QShortcut(qt.QKeySequence(key), slicer.util.mainWindow() or self.widget)
        shortcut.activated.connect(call)
        self._keys.append(shortcut)
