"""The self-test that users run inside Slicer, run here: the bundled weights, one click, undo, export."""

import pytest

from Fast3DSAM.Logic.session import InteractiveSession
from Testing.logic.intensity_predictor import IntensityPredictor
from Testing.widgets.application import Application


def test_the_self_test_passes_with_the_bundled_weights(slicer_scene):
    app = Application(slicer_scene, make=lambda settings: InteractiveSession.local("cpu"))
    app.module.Fast3DSAMTest("runTest").runTest()
    assert app.scene.GetNumberOfNodesByClass("vtkMRMLLabelMapVolumeNode") == 0, "it left its export behind"
    app.close()


def test_the_self_test_fails_where_a_click_gives_something_else(slicer_scene):
    app = Application(slicer_scene, make=lambda settings: InteractiveSession(IntensityPredictor(tolerance=1)))
    with pytest.raises(AssertionError, match="reached a Dice of only"):
        app.module.Fast3DSAMTest("runTest").runTest()
    app.close()


def test_the_self_test_tells_what_failed_instead_of_waiting(slicer_scene):
    class Fails(IntensityPredictor):
        def decode(self, embedding, prompts):
            raise RuntimeError("the device is lost")

    app = Application(slicer_scene, make=lambda settings: InteractiveSession(Fails(tolerance=30)))
    with pytest.raises(RuntimeError, match="the device is lost"):
        app.module.Fast3DSAMTest("runTest").runTest()
    app.close()
