"""Shows the state of the workbench on the form; decides nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import qt
from slicer.i18n import tr as _

from .parameters import BOX, POINT, SCRIBBLE, TOOLS
from .prompt_table import PromptTable, place_of
from .status import Engine, Stage
from .workbench import Workbench

ICONS = Path(__file__).parents[1] / "Resources" / "Icons"
_ERROR_COLOUR = {False: "#b3261e", True: "#ff8a80"}  # on a light and on a dark window


def icon(name: str):
    """One of the module's own icons."""
    return qt.QIcon(str(ICONS / f"{name}.svg"))


class PanelView:
    """`refresh` may be called at any time and as often as one likes. `ui` has the widgets of Fast3DSAM.ui by name."""

    def __init__(self, ui, bench: Workbench) -> None:
        self._ui, self._bench = ui, bench
        self._tools = dict(zip(TOOLS, (ui.pointButton, ui.boxButton, ui.scribbleButton, ui.lassoButton)))
        self.prompts = PromptTable(ui.promptsTable, (icon("foreground"), icon("background"), icon("box")))

    def refresh(self) -> None:
        """Make the form agree with the workbench."""
        self._status()
        self._segments()
        self._placing()
        self._clicks()
        self._result()
        self._advanced()

    def _status(self) -> None:
        ui, status = self._ui, self._bench.status
        preparing = status.stage is Stage.PREPARING
        ui.volumeSelector.setCurrentNode(self._bench.parameters.volume)
        ui.segmentationSelector.setCurrentNode(self._bench.parameters.segmentation)
        failed = status.stage is Stage.FAILED
        text = _("Choose a volume to begin.") if status.stage is Stage.NO_VOLUME and not status.text else status.text
        ui.statusLabel.setText(text)
        ui.statusLabel.setStyleSheet(f"color: {self._error_colour()};" if failed else "")
        ui.progressBar.setVisible(preparing)
        ui.progressBar.setValue(int(1000 * status.progress))
        ui.cancelButton.setVisible(preparing)
        ui.prepareButton.setVisible(status.stage in (Stage.NOT_READY, Stage.FAILED, Stage.NO_TORCH))
        ui.prepareButton.setText(_("Install…") if status.stage is Stage.NO_TORCH else _("Prepare"))
        ui.errorLabel.setText(self._bench.error)
        ui.errorLabel.setVisible(bool(self._bench.error))
        ui.errorLabel.setStyleSheet(f"color: {self._error_colour()};")

    def _segments(self) -> None:
        ui, work, ready = self._ui, self._bench.work, self._bench.is_ready
        table = ui.segmentsTable
        node = self._bench.parameters.segmentation
        if table.segmentationNode() is not node:
            table.setSegmentationNode(node)
        wanted = [work.active_segment_id] if ready and work.active_segment_id else []
        if list(table.selectedSegmentIDs()) != wanted:
            table.setSelectedSegmentIDs(wanted)
        for button in (ui.addSegmentButton, ui.nextSegmentButton):
            button.setEnabled(ready)
        for button in (ui.removeSegmentButton, ui.lockSegmentButton):
            button.setEnabled(bool(wanted))
        ui.lockSegmentButton.setChecked(bool(wanted) and work.is_locked(wanted[0]))
        ui.show3dCheck.setEnabled(ready and bool(work.segment_ids))
        ui.show3dCheck.setChecked(ready and work.shows_surfaces)

    def _placing(self) -> None:
        ui, bench = self._ui, self._bench
        parameters, ready = bench.parameters, bench.is_ready
        on = ready and parameters.placing
        for button, positive in ((ui.foregroundButton, True), (ui.backgroundButton, False)):
            button.setEnabled(ready)
            button.setChecked(on and parameters.positive is positive)
        for tool, button in self._tools.items():
            button.setEnabled(ready)
            button.setChecked(parameters.tool == tool)
        ui.hintLabel.setText(self._hint(on, parameters.tool, parameters.positive) if ready else "")
        ui.hintLabel.setVisible(ready)

    def _hint(self, on: bool, tool: str, positive: bool) -> str:
        if not on:
            return _("Press F, then click inside the object in any view.")
        if tool == POINT:
            where = _("inside the object") if positive else _("where the object is not")
            return _("Click {where}. Shift: the other sign. Esc: stop.").format(where=where)
        if tool == BOX:
            return _("Click two opposite corners of the object. Esc: stop.")
        way = _("along the object") if tool == SCRIBBLE else _("around a part of the object")
        return _("Click {way}, double-click to end. Esc: stop.").format(way=way)

    def _clicks(self) -> None:
        ui, bench, ready = self._ui, self._bench, self._bench.is_ready
        prompts = tuple(bench.session.prompts) if ready else ()
        places = [place_of(prompt) for prompt in prompts]
        self.prompts.show(prompts, bench.work.to_ras(places) if prompts else np.zeros((0, 3)))
        history = bench.session.history if ready else None
        ui.undoButton.setEnabled(ready and history.can_undo)
        ui.redoButton.setEnabled(ready and history.can_redo)
        for button in (ui.clearButton, ui.jumpButton, ui.deleteButton, ui.suggestButton):
            button.setEnabled(bool(prompts))
        ui.flipButton.setEnabled(hasattr(self.prompts.chosen, "positive"))
        ui.protectCheck.setEnabled(ready)
        ui.protectCheck.setChecked(bench.work.protect_all if ready else True)
        ui.previewCheck.setChecked(bench.parameters.live_preview)

    def _result(self) -> None:
        ui, bench, answer = self._ui, self._bench, self._bench.answer
        has_segments = bench.is_ready and bool(bench.work.segment_ids)
        if bench.is_working:
            text = _("Working …")
        elif answer is None or not bench.is_ready:
            text = _("Nothing segmented yet.")
        else:
            text = _("Predicted quality {quality:.0f} %   ·   last click {seconds:.2f} s").format(
                quality=100 * answer.quality, seconds=answer.seconds
            )
        ui.answerLabel.setText(text)
        ui.exportChosenCheck.setChecked(bench.parameters.export_chosen)
        ui.exportNodeButton.setEnabled(has_segments)
        ui.exportFileButton.setEnabled(has_segments)

    def _advanced(self) -> None:
        ui, parameters = self._ui, self._bench.parameters
        ui.deviceCombo.setCurrentText(parameters.device)
        if ui.weightsPath.currentPath != parameters.weights:
            ui.weightsPath.setCurrentPath(parameters.weights)
        ui.keepOnDiskCheck.setChecked(parameters.keep_on_disk)
        engine = self._bench.engine()
        ui.engineLabel.setText(describe(engine) if engine else _("The network is loaded with the first volume."))

    def _error_colour(self) -> str:
        window = self._ui.statusLabel.palette.color(qt.QPalette.Window)
        return _ERROR_COLOUR[window.lightness() < 128]


def describe(engine: Engine) -> str:
    """What runs, in one line."""
    parts = [engine.device, _("embeddings {size:.0f} MB").format(size=engine.embedding_bytes / 1e6)]
    if engine.level is not None:
        parts.append(_("level {level} ({mm:.2g} mm)").format(level=engine.level, mm=engine.voxel_mm))
    return "   ·   ".join(parts)
