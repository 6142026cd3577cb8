"""Fixtures for all tests: where data and pictures are, and a headless Slicer scene."""

from __future__ import annotations

from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """Real volumes, which are not part of the repository; tests that need them are skipped where they are absent."""
    folder = _ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the folder ../shared/data with real volumes is not here")
    return folder


@pytest.fixture(scope="session")
def artefacts() -> Path:
    """Folder for pictures and measurements that are worth a look."""
    folder = _ROOT / "artefacts"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture
def slicer_scene(tmp_path):
    """A fresh `SlicerScene`; cleared at the end, so that no node outlives its test."""
    pytest.importorskip("slicer", reason="slicer-core is not installed")
    from Testing.slicer_scene import start

    started = start(tmp_path / "slicer")
    yield started
    started.scene.Clear(True)


@pytest.fixture
def scene(slicer_scene):
    """The `vtkMRMLScene` alone."""
    return slicer_scene.scene
