"""Unties trame-slicer's objects when a tab is closed: so that its memory comes back, and nothing calls what is gone.

Some of them give VTK a Python method to call. Where VTK holds it unseen by the garbage collector, method, object, scene
and server would stay for ever. Where it is seen, the collector takes objects apart in any order, scene and views send
events while they go, and a method of a half-collected object is called: an error, or the end of the process.
"""

from __future__ import annotations

from typing import Iterable, Iterator

import slicer
from trame_slicer.core import SlicerApp
from trame_slicer.views import AbstractView

_HOLDERS = (slicer.vtkMRMLLayerDMObjectEventObserverScripted, slicer.vtkMRMLLayerDMPipelineScriptedCreator)
_FACTORIES = (slicer.vtkMRMLSliceViewDisplayableManagerFactory, slicer.vtkMRMLThreeDViewDisplayableManagerFactory)


def untie(app: SlicerApp, views: Iterable[AbstractView]) -> None:
    """Let no C++ object call what belongs to `app` or its `views`. The scene must have been cleared."""
    views = list(views)
    editor = app.segmentation_editor
    for owner in (app.markups_logic, app.volume_rendering, editor, *vars(editor).get("_effects", {}).values(), *views):
        for holder in _of_type(owner, _HOLDERS):
            if isinstance(holder, slicer.vtkMRMLLayerDMPipelineScriptedCreator):
                slicer.vtkMRMLLayerDMPipelineFactory.GetInstance().RemovePipelineCreator(holder)  # one for all tabs
            holder.SetPythonCallback(None)
    for view in views:
        for group in _of_type(view, slicer.vtkMRMLDisplayableManagerGroup):
            group.RemoveAllObservers()
            group.SetMRMLDisplayableNode(None)
        view.interactor().RemoveAllObservers()
        view.render_window().RemoveAllObservers()
    editor.editor_node.RemoveAllObservers()
    app.scene.RemoveAllObservers()
    for factory in _FACTORIES:
        if factory.GetInstance().GetMRMLApplicationLogic() is app.app_logic:
            factory.GetInstance().SetMRMLApplicationLogic(None)


def _of_type(owner: object, types) -> Iterator:
    return (value for value in vars(owner).values() if isinstance(value, types))
