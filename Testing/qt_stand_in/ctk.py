"""The two CTK widgets that the form uses, and CTK's message box."""

from __future__ import annotations

import qt


class ctkCollapsibleButton(qt.QWidget):
    """A header that shows or hides what is below it."""

    contentsCollapsed = qt.Signal(bool)

    def __init__(self, parent=None) -> None:
        super().__init__(parent)
        self._collapsed, self._text = False, ""
        self.setContentsMargins(0, 26, 0, 0)
        self._header = qt.QToolButton(self)
        self._header.setToolButtonStyle(qt.Qt.ToolButtonTextBesideIcon)
        self._header.clicked.connect(lambda: self.setCollapsed(not self._collapsed))

    def resizeEvent(self, event) -> None:
        self._header.setGeometry(0, 0, self.width, 24)

    def showEvent(self, event) -> None:
        self._show_contents()

    def setCollapsed(self, on: bool) -> None:
        self._collapsed = bool(on)
        self._header.setArrowType(qt.Qt.RightArrow if on else qt.Qt.DownArrow)
        self._show_contents()
        self.contentsCollapsed.emit(self._collapsed)

    def _show_contents(self) -> None:
        for child in self.children():
            if isinstance(child, qt.QWidget) and child is not self._header:
                child.setVisible(not self._collapsed)

    def setText(self, text: str) -> None:
        self._text = text
        self._header.setText(text)

    collapsed = qt.Property(bool, lambda self: self._collapsed, setCollapsed)
    text = qt.Property(str, lambda self: self._text, setText)


class ctkPathLineEdit(qt.QWidget):
    """A path with a button to choose it."""

    currentPathChanged = qt.Signal(str)

    def __init__(self, parent=None) -> None:
        super().__init__(parent)
        row = qt.QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        self._edit, self._filters = qt.QLineEdit(), []
        self._browse = qt.QToolButton()
        self._browse.setText("…")
        row.addWidget(self._edit)
        row.addWidget(self._browse)
        self._edit.textChanged.connect(self.currentPathChanged)

    def setCurrentPath(self, path: str) -> None:
        self._edit.setText(path)

    def _set_filters(self, filters) -> None:
        self._filters = filters

    currentPath = qt.Property(str, lambda self: self._edit.text, setCurrentPath)
    nameFilters = qt.Property("QStringList", lambda self: self._filters, _set_filters)


class ctkMessageBox(qt.QMessageBox):
    """Answered by `qt.answers`."""


for _kind in (ctkCollapsibleButton, ctkPathLineEdit):
    qt.QUiLoader.custom[_kind.__name__] = _kind
