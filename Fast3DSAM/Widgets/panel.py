"""The module's panel: buttons, keys and selectors become calls of the workbench."""

from __future__ import annotations

from pathlib import Path
from typing import Callable, List, Optional, Tuple

import qt
import slicer
import slicer.util
from slicer.i18n import tr as _

from ..Logic.mrml.export import FILE_TYPES, export_file, export_labelmap
from ..Logic.mrml.observers import Observers
from ..Logic.mrml.segmentations import segmentation_of
from .install import install_torch
from .panel_view import ICONS, PanelView
from .parameters import TOOLS
from .placing import Placing
from .preview import LivePreview
from .prompt_table import place_of
from .self_check import self_check
from .status import Stage
from .views import jump_to
from .workbench import Workbench

FORM = ICONS.parent / "UI" / "Fast3DSAM.ui"


class Panel:
    """`widget` is the form, `parent` whoever owns the keys. `enter` and `exit` as in Slicer's module life cycle."""

    def __init__(self, bench: Workbench, parent) -> None:
        self._bench = bench
        self.widget = slicer.util.loadUI(str(FORM))
        self.ui = slicer.util.childWidgetVariables(self.widget)
        self.placing = Placing(bench)
        self.preview = LivePreview(bench, lambda: self.placing.is_on)
        self._view = PanelView(self.ui, bench)
        self._keys: List[object] = []
        self._parent = parent
        self._is_shown = self._refreshing = False
        self._node_observers = Observers()
        self._observed = None
        self.widget.setMRMLScene(bench.scene)
        self._connect()
        bench.listeners.append(self.refresh)
        self.refresh()

    def enter(self) -> None:
        """The user came to the module."""
        self._is_shown = True
        self.placing.start()
        self.preview.start()
        for key, call in self._shortcuts():
            shortcut = qt.QShortcut(qt.QKeySequence(key), self._parent)
            shortcut.activated.connect(call)
            self._keys.append(shortcut)
        self._bench.follow_parameters()
        self.refresh()

    def exit(self) -> None:
        """The user left the module: keys and mouse are theirs again; work under way goes on."""
        self._is_shown = False
        self.placing.stop()
        self.preview.stop()
        for shortcut in self._keys:
            shortcut.setEnabled(False)
            shortcut.deleteLater()
        self._keys.clear()
        self.refresh()

    def close(self) -> None:
        """The panel goes away."""
        self.exit()
        self._node_observers.clear()
        if self.refresh in self._bench.listeners:
            self._bench.listeners.remove(self.refresh)

    def refresh(self) -> None:
        """Show what is."""
        if self._refreshing:
            return
        self._refreshing = True
        try:
            self._observe_parameters()
            if self._is_shown:
                self.placing.follow()
            self.preview.refresh()
            self._view.refresh()
        finally:
            self._refreshing = False

    # --- what the user does

    def _connect(self) -> None:
        ui, attempt = self.ui, self._bench.attempt
        ui.volumeSelector.currentNodeChanged.connect(lambda node: self._choose("volume", node))
        ui.segmentationSelector.currentNodeChanged.connect(lambda node: self._choose("segmentation", node))
        ui.segmentsTable.selectionChanged.connect(lambda new, old: self._choose_segment())
        for button, tool in zip((ui.pointButton, ui.boxButton, ui.scribbleButton, ui.lassoButton), TOOLS):
            button.clicked.connect(lambda on=False, tool=tool: self._use_tool(tool))
        ui.promptsTable.itemSelectionChanged.connect(self.refresh)
        ui.promptsTable.itemDoubleClicked.connect(lambda item: self.show_prompt())
        ui.deviceCombo.currentTextChanged.connect(lambda text: self._set_engine("device", text))
        ui.weightsPath.currentPathChanged.connect(lambda path: self._set_engine("weights", path))
        ui.keepOnDiskCheck.toggled.connect(lambda on: self._set_engine("keep_on_disk", bool(on)))
        ui.show3dCheck.toggled.connect(lambda on: self._switch("shows_surfaces", bool(on)))
        ui.protectCheck.toggled.connect(lambda on: self._switch("protect_all", bool(on)))
        ui.exportChosenCheck.toggled.connect(lambda on: self._set("export_chosen", bool(on)))
        ui.previewCheck.toggled.connect(lambda on: self._set("live_preview", bool(on)))
        for button, call in (
            (ui.prepareButton, self.prepare),
            (ui.cancelButton, self._bench.cancel),
            (ui.addSegmentButton, lambda: attempt(lambda work: work.new_segment())),
            (ui.nextSegmentButton, self.next_segment),
            (ui.removeSegmentButton, self.remove_segment),
            (ui.lockSegmentButton, self.lock_segment),
            (ui.foregroundButton, lambda: self.place(True)),
            (ui.backgroundButton, lambda: self.place(False)),
            (ui.undoButton, self.undo),
            (ui.redoButton, self.redo),
            (ui.clearButton, lambda: attempt(lambda work: work.clear())),
            (ui.suggestButton, self.suggest),
            (ui.jumpButton, self.show_prompt),
            (ui.flipButton, lambda: self._with_prompt(lambda work, prompt: work.flip_point(prompt.id))),
            (ui.deleteButton, self.delete_prompt),
            (ui.exportNodeButton, self.export_node),
            (ui.exportFileButton, self.export_file),
            (ui.selfCheckButton, self.check),
        ):
            button.clicked.connect(lambda on=False, call=call: call())

    def _shortcuts(self) -> Tuple[Tuple[str, Callable[[], None]], ...]:
        return (
            ("F", lambda: self.place(True)),
            ("B", lambda: self.place(False)),
            ("N", self.next_segment),
            ("H", self.suggest),
            ("Ctrl+Z", self.undo),
            ("Ctrl+Y", self.redo),
            ("Del", self.delete_prompt),
            ("Esc", lambda: self.placing.switch(False)),
        )

    def prepare(self) -> None:
        """Embed the chosen volume; without PyTorch, offer to install it first."""
        if self._bench.status.stage is not Stage.NO_TORCH or install_torch(self._bench):
            self._bench.prepare()

    def place(self, positive: bool) -> None:
        """Begin to place this sign, or stop if that was on."""
        parameters = self._bench.parameters
        on = not (self.placing.is_on and parameters.positive is positive)
        parameters.positive = positive
        self.placing.switch(on)
        self._bench.changed()

    def undo(self) -> None:
        self._bench.attempt(lambda work: work.undo())

    def redo(self) -> None:
        self._bench.attempt(lambda work: work.redo())

    def next_segment(self) -> None:
        self._bench.attempt(lambda work: work.next_segment())

    def remove_segment(self) -> None:
        """Remove the active segment."""
        self._bench.attempt(lambda work: work.remove_segment(work.active_segment_id))

    def lock_segment(self) -> None:
        """Protect the active segment from clicks for others, or allow them to take from it."""

        def switch(work) -> None:
            work.set_locked(work.active_segment_id, not work.is_locked(work.active_segment_id))

        self._bench.attempt(switch)

    def delete_prompt(self) -> None:
        """Take the chosen prompt away."""
        self._with_prompt(lambda work, prompt: work.remove_point(prompt.id))

    def show_prompt(self) -> None:
        """Go to the chosen prompt in the views."""
        self._with_prompt(lambda work, prompt: jump_to(self._bench.scene, work.to_ras([place_of(prompt)])[0]))

    def suggest(self) -> None:
        """Go to where the next click helps most."""
        position = self._bench.attempt(lambda work: work.suggest_next_ras())
        if position is not None:
            jump_to(self._bench.scene, position)

    def export_node(self) -> None:
        """All segments, or the chosen one, as a labelmap volume."""
        scene = self._bench.scene
        self._bench.attempt(
            lambda work: export_labelmap(scene, work.volume_node, work.segmentation_node, self._exported(work))
        )

    def export_file(self) -> None:
        """All segments, or the chosen one, as a file that the user names."""
        patterns = " ".join(f"*{ending}" for ending in FILE_TYPES)
        path = qt.QFileDialog.getSaveFileName(self.widget, _("Save segments"), "", _("Segments") + f" ({patterns})")
        path = path[0] if isinstance(path, tuple) else path
        if path:
            if not path.endswith(FILE_TYPES):
                path += FILE_TYPES[0]
            self._bench.attempt(
                lambda work: export_file(Path(path), work.volume_node, work.segmentation_node, self._exported(work))
            )

    def check(self) -> None:
        """Say whether everything works."""
        self.ui.selfCheckLabel.setText(self_check(self._bench))

    # --- inside

    def _with_prompt(self, action: Callable[[object, object], object]) -> None:
        prompt = self._view.prompts.chosen
        if prompt is not None:
            self._bench.attempt(lambda work: action(work, prompt))

    def _exported(self, work) -> Optional[List[str]]:
        chosen = work.active_segment_id
        return [chosen] if self._bench.parameters.export_chosen and chosen else None

    def _use_tool(self, tool: str) -> None:
        self._bench.parameters.tool = tool
        self.placing.switch(True)
        self._bench.changed()

    def _choose(self, what: str, node) -> None:
        parameters = self._bench.parameters
        if self._refreshing or node is getattr(parameters, what):
            return
        with slicer.util.NodeModify(parameters.node):  # volume and segmentation change together
            setattr(parameters, what, node)
            if what == "volume":
                parameters.segmentation = segmentation_of(self._bench.scene, node) if node else None
        self._bench.follow_parameters()

    def _choose_segment(self) -> None:
        chosen = list(self.ui.segmentsTable.selectedSegmentIDs())
        if self._refreshing or not self._bench.is_ready or not chosen:
            return
        if chosen[0] != self._bench.work.active_segment_id:
            self._bench.attempt(lambda work: setattr(work, "active_segment_id", chosen[0]))

    def _switch(self, what: str, on: bool) -> None:
        if not self._refreshing and self._bench.is_ready:
            self._bench.attempt(lambda work: setattr(work, what, on))

    def _set(self, name: str, value) -> None:
        if not self._refreshing:
            setattr(self._bench.parameters, name, value)
            self.preview.look()
            self.refresh()

    def _set_engine(self, name: str, value) -> None:
        if not self._refreshing and getattr(self._bench.parameters, name) != value:
            setattr(self._bench.parameters, name, value)
            self._bench.restart()

    def _observe_parameters(self) -> None:
        """Another panel, or a loaded scene, may change them."""
        node = self._bench.parameters.node
        if self._observed is not node:
            self._observed = node
            self._node_observers.clear()
            self._node_observers.add(node, "ModifiedEvent", self._parameters_changed)

    def _parameters_changed(self) -> None:
        if not self._refreshing:
            if self._is_shown:
                self._bench.follow_parameters()
            self.refresh()
