"""Slicer's side of a scripted effect, on the real `vtkSlicerSegmentEditorLogic`: masking, overwriting, undo."""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import SimpleNamespace

import slicer


class qSlicerSegmentEditorScriptedEffect:
    """`logic` is the Editor's; it is set when the Editor takes the effect in."""

    def __init__(self, parent=None) -> None:
        self.name, self.perSegment, self.logic, self.options = "", False, None, []

    def setPythonSource(self, path: str) -> None:
        spec = spec_from_file_location(Path(path).stem, path)
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        self._scripted = getattr(module, spec.name)(self)

    def self(self):
        return self._scripted

    def parameterSetNode(self):
        return self.logic.GetSegmentEditorNode() if self.logic else None

    def addOptionsWidget(self, widget) -> None:
        self.options.append(widget)

    def saveStateForUndo(self) -> None:
        self.logic.SaveStateForUndo()

    def modifySelectedSegmentByLabelmap(self, labelmap, mode, extent) -> None:
        logic = self.logic
        node, id = logic.GetSegmentationNode(), logic.GetSegmentEditorNode().GetSelectedSegmentID()
        assert mode == logic.ModificationModeSet
        logic.ModifySegmentByLabelmap(node, id, labelmap, logic.ModificationModeSet, extent, True, False)


class _Factory:
    effects: list = []

    def registerEffect(self, effect) -> None:
        self.effects.append(effect)


slicer.qSlicerSegmentEditorEffectFactory = SimpleNamespace(instance=_Factory)
slicer.qSlicerSegmentEditorAbstractEffect = SimpleNamespace(ModificationModeSet=0)
