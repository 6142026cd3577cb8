"""The qMRML widgets that the form uses, small, on the real MRML scene."""

from __future__ import annotations

from typing import Any, List

import qt
import slicer


class qMRMLWidget(qt.QWidget):
    """Hands its scene to the widgets in it, as the form's connections do in Slicer."""

    mrmlSceneChanged = qt.Signal("QVariant")

    def __init__(self, parent=None) -> None:
        super().__init__(parent)
        self._scene = None

    def mrmlScene(self):
        return self._scene

    def setMRMLScene(self, scene) -> None:
        self._scene = scene
        for child in self.findChildren(qt.QWidget):
            if hasattr(child, "setMRMLScene"):
                child.setMRMLScene(scene)


class qMRMLNodeComboBox(qt.QComboBox):
    """The nodes of some classes, and perhaps "none"."""

    currentNodeChanged = qt.Signal(object)

    def __init__(self, parent=None) -> None:
        super().__init__(parent)
        self._scene, self._tags, self._ids, self._current = None, [], [], None
        self._settings = {"nodeTypes": [], "hideChildNodeTypes": [], "noneEnabled": False, "noneDisplay": "None"}
        self.setSizePolicy(qt.QSizePolicy.Expanding, qt.QSizePolicy.Fixed)
        self.currentIndexChanged.connect(self._changed)
        self.destroyed.connect(lambda *_: self._look_away())  # as in C++: else the scene calls what is no more

    def setMRMLScene(self, scene) -> None:
        self._look_away()
        self._scene = scene
        events = (scene.NodeAddedEvent, scene.NodeRemovedEvent, scene.EndCloseEvent, scene.EndImportEvent)
        self._tags = [scene.AddObserver(event, lambda *_: self._fill()) for event in events] if scene else []
        self._fill()

    def nodes(self) -> List[Any]:
        found = []
        for kind in self._settings["nodeTypes"] if self._scene else ():
            found += [self._scene.GetNthNodeByClass(n, kind) for n in range(self._scene.GetNumberOfNodesByClass(kind))]
        hidden = self._settings["hideChildNodeTypes"]
        return [n for n in found if not n.GetHideFromEditors() and not any(n.IsA(kind) for kind in hidden)]

    def currentNode(self):
        return self._scene.GetNodeByID(self._current) if self._scene and self._current else None

    def setCurrentNode(self, node) -> None:
        wanted = node.GetID() if node else None
        if wanted in self._ids and self.currentIndex != self._ids.index(wanted):
            self.setCurrentIndex(self._ids.index(wanted))

    def _look_away(self) -> None:
        for tag in self._tags:
            self._scene.RemoveObserver(tag)
        self._tags = []

    def _fill(self) -> None:
        kept = self._current
        self.blockSignals(True)
        self.clear()
        self._ids = [None] if self._settings["noneEnabled"] else []
        if self._settings["noneEnabled"]:
            self.addItem(self._settings["noneDisplay"])
        for node in self.nodes():
            self.addItem(node.GetName())
            self._ids.append(node.GetID())
        self.setCurrentIndex(self._ids.index(kept) if kept in self._ids else 0)
        self.blockSignals(False)
        self._changed()

    def _changed(self, *_: Any) -> None:
        index = self.currentIndex
        now = self._ids[index] if 0 <= index < len(self._ids) else None
        if now != self._current:
            self._current = now
            self.currentNodeChanged.emit(self.currentNode())

    def _set(self, name: str, value: Any) -> None:
        self._settings[name] = value
        self._fill()


for _name, _type in (
    ("nodeTypes", "QStringList"), ("hideChildNodeTypes", "QStringList"), ("noneEnabled", bool), ("noneDisplay", str),
    ("addEnabled", bool), ("removeEnabled", bool), ("renameEnabled", bool),
):  # fmt: skip
    _get = lambda self, name=_name: self._settings.get(name)  # noqa: E731
    setattr(qMRMLNodeComboBox, _name, qt.Property(_type, _get, lambda self, v, name=_name: self._set(name, v)))


class qMRMLSegmentsTableView(qMRMLWidget):
    """Colour and name of each segment; a name can be edited."""

    selectionChanged = qt.Signal(object, object)

    def __init__(self, parent=None) -> None:
        super().__init__(parent)
        self._node, self._observed, self._ids, self._settings = None, [], [], {}
        layout = qt.QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self._table = qt.QTableWidget(0, 2)
        self._table.setSelectionBehavior(qt.QAbstractItemView.SelectRows)
        self._table.setSelectionMode(qt.QAbstractItemView.SingleSelection)
        self._table.horizontalHeader().setVisible(False)
        self._table.verticalHeader().setVisible(False)
        self._table.verticalHeader().setDefaultSectionSize(24)
        self._table.horizontalHeader().setStretchLastSection(True)
        self._table.setColumnWidth(0, 30)
        layout.addWidget(self._table)
        self._table.itemSelectionChanged.connect(lambda: self.selectionChanged.emit(None, None))
        self._table.itemChanged.connect(self._renamed)
        self.destroyed.connect(lambda *_: self._look_away())

    def segmentationNode(self):
        return self._node

    def setSegmentationNode(self, node) -> None:
        self._look_away()
        self._node = node
        if node is not None:
            target = node.GetSegmentation()
            events = (target.SegmentAdded, target.SegmentRemoved, target.SegmentModified)
            self._observed = [(target, target.AddObserver(event, lambda *_: self._fill())) for event in events]
        self._fill()

    def selectedSegmentIDs(self) -> List[str]:
        return [self._ids[row] for row in sorted({i.row() for i in self._table.selectedIndexes()})]

    def setSelectedSegmentIDs(self, ids) -> None:
        self._table.clearSelection()
        for id in ids:
            if id in self._ids:
                self._table.selectRow(self._ids.index(id))

    def tableWidget(self):
        return self._table

    def _look_away(self) -> None:
        for target, tag in self._observed:
            target.RemoveObserver(tag)
        self._observed = []

    def _fill(self) -> None:
        chosen = self.selectedSegmentIDs() if self._ids else []
        self._table.blockSignals(True)
        segmentation = self._node.GetSegmentation() if self._node else None
        self._ids = list(segmentation.GetSegmentIDs()) if segmentation else []
        self._table.setRowCount(len(self._ids))
        for row, id in enumerate(self._ids):
            colour = qt.QLabel()
            rgb = ", ".join(str(int(255 * v)) for v in segmentation.GetSegment(id).GetColor())
            colour.setStyleSheet(f"background-color: rgb({rgb}); margin: 4px; border-radius: 3px;")
            self._table.setCellWidget(row, 0, colour)
            self._table.setItem(row, 1, qt.QTableWidgetItem(segmentation.GetSegment(id).GetName()))
        self.setSelectedSegmentIDs([id for id in chosen if id in self._ids])
        self._table.blockSignals(False)

    def _renamed(self, item) -> None:
        if item.column() == 1 and item.row() < len(self._ids):
            self._node.GetSegmentation().GetSegment(self._ids[item.row()]).SetName(item.text())


for _name, _type in (
    ("selectionMode", int), ("headerVisible", bool), ("opacityColumnVisible", bool), ("statusColumnVisible", bool),
):  # fmt: skip
    _get = lambda self, name=_name: self._settings.get(name)  # noqa: E731
    _put = lambda self, value, name=_name: self._settings.update({name: value})  # noqa: E731
    setattr(qMRMLSegmentsTableView, _name, qt.Property(_type, _get, _put))

for _kind in (qMRMLWidget, qMRMLNodeComboBox, qMRMLSegmentsTableView):
    qt.QUiLoader.custom[_kind.__name__] = _kind
    setattr(slicer, _kind.__name__, _kind)
