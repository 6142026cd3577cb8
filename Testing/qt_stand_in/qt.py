"""`qt` for tests: PySide6 in one namespace, with the few habits of PythonQt that the module relies on.

Qt properties are read as attributes (`button.checked`, `label.text`); setters and all other methods are called as
always. It permits more than PythonQt does, so a green test is no proof for Slicer itself. Modal dialogs are not shown:
`dialogs` collects them, and `answers` gives the answers.
"""

from __future__ import annotations

import inspect
import os
import sys
from typing import Any, List

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6 import QtCore, QtGui, QtUiTools, QtWidgets
from PySide6.QtCore import *  # noqa: F403
from PySide6.QtGui import *  # noqa: F403
from PySide6.QtWidgets import *  # noqa: F403

application = QtWidgets.QApplication.instance() or QtWidgets.QApplication(sys.argv[:1])
application.setStyle("Fusion")


def _hear(kind, context, text: str) -> None:
    """Forms connect signals by their C++ signature, which stand-ins in Python do not have."""
    if "QObject::connect" not in text:
        print(text, file=sys.stderr)


QtCore.qInstallMessageHandler(_hear)

# C++ looks these up in the type: a property in their place would crash.
_VIRTUAL = {"sizeHint", "minimumSizeHint", "event", "metaObject", "heightForWidth", "windowFlags"}
dialogs: List[str] = []
answers: List[Any] = []


class _Property:
    """Reads what the getter of the same name returns."""

    def __init__(self, getter: Any) -> None:
        self._getter = getter

    def __get__(self, owner: Any, kind: type = None) -> Any:
        return self if owner is None else self._getter(owner)


def _as_attributes(kind: type) -> None:
    meta = kind.staticMetaObject
    for index in range(meta.propertyOffset(), meta.propertyCount()):
        name = meta.property(index).name()
        getters = (name, f"is{name[0].upper()}{name[1:]}")
        found = next((g for g in getters if callable(getattr(kind, g, None))), None)
        signal = isinstance(inspect.getattr_static(kind, name, None), QtCore.Signal)
        if found and name not in _VIRTUAL and not signal and name != "singleShot":
            setattr(kind, name, _Property(getattr(kind, found)))


for _module in (QtCore, QtGui, QtWidgets):
    for _kind in list(vars(_module).values()):
        if inspect.isclass(_kind) and issubclass(_kind, QtCore.QObject) and "staticMetaObject" in vars(_kind):
            _as_attributes(_kind)
QtCore.QObject.name = _Property(lambda owner: owner.property("objectName"))


class QUiLoader(QtUiTools.QUiLoader):
    """Makes the stand-ins of `custom` (by class name) and keeps the references that PySide would drop."""

    custom: dict = {}

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self._made: list = []

    def createWidget(self, class_name: str, parent: Any = None, name: str = "") -> Any:
        kind = self.custom.get(class_name)
        widget = kind(parent) if kind else super().createWidget(class_name, parent, name)
        widget.setObjectName(name)
        self._made.append(widget)
        return widget

    def load(self, file: Any, parent: Any = None) -> Any:
        path = file.fileName() if callable(file.fileName) else file.fileName
        self.setWorkingDirectory(QtCore.QFileInfo(path).dir())  # icons in the form are relative to it
        form = super().load(file, parent)
        form.made_from_python = self._made
        return form


def _answer(kind: str, text: str) -> Any:
    dialogs.append(f"{kind}: {text}")
    return answers.pop(0) if answers else None


def _exec(box: Any) -> int:
    return _answer("message", box.property("text")) or QtWidgets.QMessageBox.Cancel


QtWidgets.QMessageBox.exec_ = QtWidgets.QMessageBox.exec = _exec
QtWidgets.QFileDialog.getSaveFileName = staticmethod(lambda *args: _answer("save", args[1]) or "")
