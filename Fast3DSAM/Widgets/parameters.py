"""What the user has chosen, in a MRML node: saved with the scene, and the same for every panel."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Optional

import slicer

from .session_maker import EngineSettings

MODULE = "Fast3DSAM"
POINT, BOX, SCRIBBLE, LASSO = TOOLS = ("point", "box", "scribble", "lasso")


class _Value:
    """A parameter as text in the node; its type is that of its default."""

    def __init__(self, default: Any) -> None:
        self._default = default

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, parameters: Parameters, owner: type) -> Any:
        text = parameters.node.GetParameter(self._name)
        if not text:
            return self._default
        return text == "true" if isinstance(self._default, bool) else type(self._default)(text)

    def __set__(self, parameters: Parameters, value: Any) -> None:
        text = str(value).lower() if isinstance(self._default, bool) else str(value)
        parameters.node.SetParameter(self._name, text)


class _Node:
    """A reference to another node; None where there is none, or where it was deleted."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, parameters: Parameters, owner: type) -> Optional[object]:
        return parameters.node.GetNodeReference(self._name)

    def __set__(self, parameters: Parameters, node: Optional[object]) -> None:
        parameters.node.SetNodeReferenceID(self._name, node.GetID() if node else None)


class Parameters:
    """`node` is the scene's one parameter node of this module; it is made where there is none.

    `tool` is one of TOOLS, `positive` the sign of the next prompt, `placing` whether clicks in the views give prompts,
    `export_chosen` whether only the active segment is exported.
    """

    volume = _Node()
    segmentation = _Node()
    tool = _Value(POINT)
    positive = _Value(True)
    placing = _Value(False)
    live_preview = _Value(True)
    export_chosen = _Value(False)
    device = _Value("auto")
    weights = _Value("")
    keep_on_disk = _Value(False)

    def __init__(self, scene) -> None:
        self.node = scene.GetSingletonNode(MODULE, "vtkMRMLScriptedModuleNode")
        if self.node is None:
            node = slicer.vtkMRMLScriptedModuleNode()
            node.SetSingletonTag(MODULE)
            node.SetModuleName(MODULE)
            node.SetName(MODULE)
            self.node = scene.AddNode(node)

    def engine_settings(self) -> EngineSettings:
        """The settings that need a new session when they change."""
        folder = Path.home() / ".cache" / "fast3dsam"
        return EngineSettings(
            self.device, Path(self.weights) if self.weights else None, folder if self.keep_on_disk else None
        )
