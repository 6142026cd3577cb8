"""The stand-ins for Qt as PythonQt shows it, and a started application."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

pytest.importorskip("slicer", reason="slicer-core is not installed")
pytest.importorskip("PySide6", reason="PySide6 is not installed")

import slicer

_STAND_IN = Path(__file__).parents[1] / "qt_stand_in"
sys.path.insert(0, str(_STAND_IN))
slicer.__path__.append(str(_STAND_IN / "slicer"))

import ctk  # noqa: E402
import qmrml  # noqa: E402
import qt  # noqa: E402

from Testing.widgets.application import Application  # noqa: E402

assert {"qMRMLNodeComboBox", ctk.ctkPathLineEdit.__name__} <= set(qt.QUiLoader.custom) and qmrml


@pytest.fixture(autouse=True)
def no_hidden_errors(capfd):
    """VTK and Qt print what goes wrong in an observer or a slot, and go on; here that is a failure."""
    yield
    # Slicer's own, when place mode ends while the mouse rests in the view: it asks for its preview point once more. VTK
    # says so on the console, and where other tests have opened windows also as a line with its place before it.
    place = r"ERROR: In vtkMRMLMarkupsNode\.cxx, line \d+\n"
    printed = re.sub(rf"({place})?[^\n]*GetNthControlPointPositionStatus failed[^\n]*", "", capfd.readouterr().err)
    assert not [word for word in ("Traceback", "ERROR", "Error:", "ERR|") if word in printed], printed


@pytest.fixture
def app(slicer_scene) -> Application:
    """The module's panel beside one slice view; no volume yet."""
    qt.dialogs.clear()
    qt.answers.clear()
    started = Application(slicer_scene)
    yield started
    started.close()


@pytest.fixture
def ready(app) -> Application:
    """With a volume of two balls, prepared."""
    app.choose(app.add_volume())
    return app
