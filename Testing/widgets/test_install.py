"""PyTorch is asked for before it is installed; no, a failure and a half install each leave a usable panel."""

import sys
from types import SimpleNamespace

import pytest

from Fast3DSAM.Logic.session import InteractiveSession
from Fast3DSAM.Widgets import install, session_maker, workbench
from Testing.logic.intensity_predictor import IntensityPredictor
from Testing.widgets.application import Application


class Pip:
    """Slicer's pip and its question; `fails` is raised by the installation."""

    def __init__(self, says_yes=True, fails=None) -> None:
        self.says_yes, self.fails, self.asked, self.installed = says_yes, fails, [], []

    def ask(self, text, **options):
        self.asked.append(text)
        return self.says_yes

    def install(self, requirement):
        if self.fails:
            raise self.fails
        self.installed.append(requirement)


@pytest.fixture
def start(slicer_scene, monkeypatch):
    """An application where PyTorch is missing until pip has installed it."""
    started = []

    def start_with(pip):
        monkeypatch.setattr(install.slicer.util, "confirmOkCancelDisplay", pip.ask)
        monkeypatch.setattr(install.slicer.util, "pip_install", pip.install)
        monkeypatch.setattr(workbench, "torch_is_there", lambda: bool(pip.installed))
        monkeypatch.setattr(
            session_maker.InteractiveSession, "local", lambda *a: InteractiveSession(IntensityPredictor())
        )
        app = Application(slicer_scene, make=session_maker.make_session)
        started.append(app)
        app.ui.volumeSelector.setCurrentNode(app.add_volume())
        assert "not installed" in app.ui.statusLabel.text and app.ui.prepareButton.text == "Install…"
        return app

    yield start_with
    for app in started:
        app.close()


def test_one_question_says_what_and_how_large_and_then_the_volume_is_prepared(start):
    pip = Pip()
    app = start(pip)
    assert pip.asked == [], "nothing is asked before the button is pressed"
    app.press(app.ui.prepareButton)
    app.wait(lambda: app.bench.is_ready)
    assert len(pip.asked) == 1 and "GB" in pip.asked[0] and "torch" in pip.asked[0]
    assert pip.installed == [install.REQUIREMENT]


def test_no_leaves_everything_as_it_was(start):
    pip = Pip(says_yes=False)
    app = start(pip)
    app.press(app.ui.prepareButton)
    assert pip.installed == [] and app.bench.error == ""
    assert app.ui.prepareButton.text == "Install…"


def test_a_failed_installation_gives_the_remedy(start):
    pip = Pip(fails=RuntimeError("no space left on device"))
    app = start(pip)
    app.press(app.ui.prepareButton)
    assert "no space left" in app.ui.errorLabel.text and "press Install again" in app.ui.errorLabel.text
    assert app.ui.prepareButton.text == "Install…"


def test_a_half_installation_gives_the_remedy(start, monkeypatch):
    app = start(Pip())
    monkeypatch.setattr(install, "_problem", lambda: "libtorch.so: cannot open shared object file")
    app.press(app.ui.prepareButton)
    assert "does not start" in app.ui.errorLabel.text and "pip_uninstall" in app.ui.errorLabel.text


def test_the_pytorch_extension_is_used_where_it_is(start, monkeypatch):
    pip, calls = Pip(), []

    def install_torch(askConfirmation):
        calls.append(askConfirmation)
        pip.installed.append("by the extension")
        return object()

    logic = SimpleNamespace(installTorch=install_torch)
    module = SimpleNamespace(PyTorchUtilsLogic=lambda: logic, __spec__=object())
    app = start(pip)
    monkeypatch.setitem(sys.modules, "PyTorchUtils", module)
    app.press(app.ui.prepareButton)
    app.wait(lambda: app.bench.is_ready)
    assert calls == [True] and pip.asked == []


def test_a_gpu_that_pytorch_cannot_use_is_told(monkeypatch):
    torch = SimpleNamespace(cuda=SimpleNamespace(is_available=lambda: False), __version__="2.1+cpu")
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setattr(install.shutil, "which", lambda name: f"/usr/bin/{name}")
    assert "NVIDIA GPU" in install.gpu_hint() and "2.1+cpu" in install.gpu_hint()
    torch.cuda.is_available = lambda: True
    assert install.gpu_hint() == ""
