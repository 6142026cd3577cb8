"""Clicks in the views become prompts: place mode for points, boxes, strokes and lassos."""

from __future__ import annotations

from typing import Dict, Optional

from ..Logic.errors import Fast3DSAMError
from ..Logic.lasso import places_inside
from ..Logic.mrml.drawings import box_corners, curve_points, is_complete, new_drawing
from ..Logic.mrml.observers import Observers
from .parameters import BOX, LASSO, POINT
from .views import ShiftClicks, shift_is_down, slice_views
from .workbench import Workbench


class Placing:
    """Keeps Slicer's place mode and the parameters `placing`, `tool` and `positive` in agreement."""

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench
        self._drawing: Optional[object] = None
        self._kind = ""
        self._is_own = False
        self._shift_clicks: Dict[str, ShiftClicks] = {}
        self._observers = Observers()

    @property
    def is_on(self) -> bool:
        """Whether a click in a view gives a prompt now."""
        return self._bench.parameters.placing and self._bench.is_ready

    def start(self) -> None:
        """Listen to the views."""
        scene = self._bench.scene
        self._observers.clear()
        interaction = self._interaction()
        self._observers.add(interaction, interaction.InteractionModeChangedEvent, self._mode_changed)
        self._observers.add(scene, scene.NodeRemovedEvent, self._node_removed, data=object)

    def stop(self) -> None:
        """End place mode and listen no more."""
        self._bench.parameters.placing = False
        self.follow()
        self._observers.clear()
        for clicks in self._shift_clicks.values():
            clicks.stop()
        self._shift_clicks.clear()

    def switch(self, on: bool) -> None:
        """Begin or end placing."""
        self._bench.parameters.placing = on
        self.follow()

    def follow(self) -> None:
        """Do as the parameters say."""
        interaction, parameters = self._interaction(), self._bench.parameters
        kind = parameters.tool if self.is_on else ""
        if kind == self._kind and kind != POINT:
            return
        was, self._kind, self._is_own = self._kind, kind, True
        try:
            self._discard()
            if kind == POINT:
                interaction.SetPlaceModePersistence(1)
                self._aim()
                self._hear_shift_clicks()
                interaction.SetCurrentInteractionMode(interaction.Place)
            elif kind:
                self._drawing = new_drawing(self._bench.scene, kind)
                self._select(self._drawing)
                interaction.SetPlaceModePersistence(0)
                interaction.SetCurrentInteractionMode(interaction.Place)
            elif was and interaction.GetCurrentInteractionMode() == interaction.Place:
                interaction.SetCurrentInteractionMode(interaction.ViewTransform)
        finally:
            self._is_own = False

    def _mode_changed(self) -> None:
        """The user finished a drawing, or chose another mouse mode in Slicer."""
        interaction = self._interaction()
        if self._is_own or not self._kind or interaction.GetCurrentInteractionMode() == interaction.Place:
            return
        if self._drawing is not None and is_complete(self._drawing, self._kind):
            self._finish(self._drawing, self._kind)
        else:
            self._bench.parameters.placing = False
            self.follow()

    def _finish(self, drawing, kind: str) -> None:
        positive = self._bench.parameters.positive is not shift_is_down(self._bench.scene)
        try:
            if kind == BOX:
                corners = box_corners(drawing)
                self._bench.parameters.tool = POINT  # one object, one box: what follows are corrections
                self._bench.attempt(lambda work: work.add_box_ras(corners))
            else:
                points = places_inside(curve_points(drawing)) if kind == LASSO else curve_points(drawing)
                self._bench.attempt(lambda work: work.add_scribble_ras(points, positive))
        except Fast3DSAMError as error:
            self._bench.error = str(error)
        self._kind = ""
        self.follow()
        self._bench.changed()

    def _aim(self) -> None:
        """Points go to the node of the chosen sign."""
        if self._kind == POINT and self.is_on:
            node = self._bench.work.place_node(self._bench.parameters.positive)
            if self._selection().GetActivePlaceNodeID() != node.GetID():
                self._select(node)

    def _hear_shift_clicks(self) -> None:
        for id, view in slice_views().items():
            if id not in self._shift_clicks:
                self._shift_clicks[id] = ShiftClicks(view, self._shift_clicked)

    def _shift_clicked(self, ras) -> None:
        if self._kind == POINT and self.is_on:
            positive = not self._bench.parameters.positive
            self._bench.attempt(lambda work: work.place(ras, positive))

    def _select(self, node) -> None:
        selection = self._selection()
        selection.SetReferenceActivePlaceNodeClassName(node.GetClassName())
        selection.SetActivePlaceNodeID(node.GetID())

    def _discard(self) -> None:
        drawing, self._drawing = self._drawing, None
        if drawing is not None:
            self._bench.scene.RemoveNode(drawing)

    def _node_removed(self, node) -> None:
        if node is self._drawing:
            self._drawing = None
            self.switch(False)
        elif self._kind == POINT and self._selection().GetActivePlaceNodeID() in (None, node.GetID()) and self.is_on:
            self._aim()

    def _interaction(self):
        return self._bench.scene.GetNodeByID("vtkMRMLInteractionNodeSingleton")

    def _selection(self):
        return self._bench.scene.GetNodeByID("vtkMRMLSelectionNodeSingleton")
