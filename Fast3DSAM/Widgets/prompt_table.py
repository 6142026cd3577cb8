"""The list of what the user gave for the current segment, and what one row stands for."""

from __future__ import annotations

from typing import List, Optional, Sequence, Tuple

import numpy as np
import qt
from slicer.i18n import tr as _

from ..Logic.prompts import BoxPrompt, MaskPrompt, PointPrompt, Prompt, ScribblePrompt

_HEADERS = ("", "Click", "R", "A", "S")


def place_of(prompt: Prompt) -> Tuple[float, float, float]:
    """Where a prompt is, (k, j, i) voxels: the point, the middle of a box or mask, the middle point of a stroke."""
    if isinstance(prompt, PointPrompt):
        return prompt.position
    if isinstance(prompt, ScribblePrompt):
        return prompt.points[len(prompt.points) // 2]
    lo, hi = (prompt.lo, prompt.hi) if isinstance(prompt, BoxPrompt) else (prompt.box.lo, prompt.box.hi)
    return tuple((a + b) / 2 for a, b in zip(lo, hi))


def name_of(prompt: Prompt, number: int) -> str:
    """What the list calls it."""
    if isinstance(prompt, BoxPrompt):
        return _("Box")
    if isinstance(prompt, MaskPrompt):
        return _("Start")
    sign = _("Foreground") if prompt.positive else _("Background")
    return f"{sign} {number}" if isinstance(prompt, PointPrompt) else _("{sign} stroke").format(sign=sign)


class PromptTable:
    """Shows prompts in a `QTableWidget`; `icons` for foreground, background and others."""

    def __init__(self, table, icons: Tuple[object, object, object]) -> None:
        self._table, self._icons = table, icons
        self._rows: List[Prompt] = []
        self._shown: Optional[tuple] = None
        table.setColumnCount(len(_HEADERS))
        table.setHorizontalHeaderLabels([_(name) if name else "" for name in _HEADERS])
        table.verticalHeader().setVisible(False)
        table.verticalHeader().setDefaultSectionSize(24)
        header = table.horizontalHeader()
        header.setMinimumSectionSize(26)
        for column in range(len(_HEADERS)):
            header.setSectionResizeMode(column, qt.QHeaderView.ResizeToContents)
        header.setSectionResizeMode(1, qt.QHeaderView.Stretch)

    @property
    def chosen(self) -> Optional[Prompt]:
        """The prompt of the selected row; the last one where none is selected; None where there are none."""
        row = self._table.currentRow()
        if 0 <= row < len(self._rows):
            return self._rows[row]
        return self._rows[-1] if self._rows else None

    def show(self, prompts: Sequence[Prompt], positions_ras: np.ndarray) -> None:
        """List the prompts with their world positions (n, 3) in mm."""
        content = (tuple(prompts), np.round(positions_ras, 3).tobytes())
        if content == self._shown:
            return
        self._shown, self._rows = content, list(prompts)
        self._table.setRowCount(len(self._rows))
        for row, (prompt, ras) in enumerate(zip(self._rows, positions_ras)):
            positive = getattr(prompt, "positive", None)
            icon = self._icons[2] if positive is None else self._icons[0 if positive else 1]
            self._put(row, 0, "", icon)
            self._put(row, 1, name_of(prompt, row + 1))
            for column, value in enumerate(ras):
                self._put(row, 2 + column, f"{value:.1f}")

    def _put(self, row: int, column: int, text: str, icon: Optional[object] = None) -> None:
        item = qt.QTableWidgetItem(text)
        if icon is not None:
            item.setIcon(icon)
        if column > 1:
            item.setTextAlignment(qt.Qt.AlignRight | qt.Qt.AlignVCenter)
        self._table.setItem(row, column, item)
