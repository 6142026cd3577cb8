from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def artefacts() -> Path:
    """Folder for the pictures that tests draw, to be looked at; ignored by git."""
    folder = Path(__file__).parents[1] / "artefacts"
    folder.mkdir(exist_ok=True)
    return folder
