"""A real MRML scene with the module logics that the tests and the browser app need; no Qt, no Slicer application."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Dict

import slicer
import slicer.util
import vtk

_LOGICS = {
    "Colors": "vtkMRMLColorLogic",
    "SubjectHierarchy": "vtkSlicerSubjectHierarchyModuleLogic",
    "Terminologies": "vtkSlicerTerminologiesModuleLogic",
    "Volumes": "vtkSlicerVolumesLogic",
    "Markups": "vtkSlicerMarkupsLogic",
    "Segmentations": "vtkSlicerSegmentationsModuleLogic",
}


@dataclass
class SlicerScene:
    """A scene and its logics; `folder` holds temporary files."""

    scene: object
    application_logic: object
    folder: Path
    logics: Dict[str, object] = field(default_factory=dict)

    def publish(self) -> None:
        """Set `slicer.mrmlScene`, `slicer.modules` and `slicer.app` for code that uses the globals."""
        slicer.mrmlScene = self.scene
        slicer.modules = SimpleNamespace(
            **{name.lower(): SimpleNamespace(logic=lambda logic=logic: logic) for name, logic in self.logics.items()}
        )
        slicer.app = SimpleNamespace(
            applicationLogic=lambda: self.application_logic,
            temporaryPath=str(self.folder),
            processEvents=lambda: None,
            testingEnabled=lambda: True,
        )


def start(folder: Path) -> SlicerScene:
    """A fresh scene; nothing global is set."""
    folder.mkdir(parents=True, exist_ok=True)
    scene = slicer.vtkMRMLScene()
    application = slicer.vtkSlicerApplicationLogic()
    application.SetTemporaryPath(str(folder))
    application.SetMRMLScene(scene)
    application.GetColorLogic().SetMRMLScene(scene)
    application.GetColorLogic().AddDefaultColorNodes()
    application.SetSliceLogics(vtk.vtkCollection())
    application.SetViewLogics(vtk.vtkCollection())
    # Scene bundles (.mrb) are unpacked into the cache folder.
    cache, reader = slicer.vtkCacheManager(), slicer.vtkDataIOManager()
    cache.SetRemoteCacheDirectory(str(folder))
    cache.SetMRMLScene(scene)
    reader.SetCacheManager(cache)
    scene.SetCacheManager(cache)
    scene.SetDataIOManager(reader)
    scene.AddNode(slicer.vtkMRMLCrosshairNode())
    slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(scene, True)
    result = SlicerScene(scene, application, folder)
    for name, kind in _LOGICS.items():
        logic = getattr(slicer, kind)()
        if name == "Terminologies" and find_spec("trame_slicer"):
            # Only its data files; without them the log fills with harmless errors.
            share = Path(find_spec("trame_slicer").origin).parent / "resources" / "terminologies"
            logic.SetModuleShareDirectory(str(share))
        logic.SetMRMLScene(scene)
        logic.SetMRMLApplicationLogic(application)
        application.SetModuleLogic(name, logic)
        result.logics[name] = logic
    return result
