"""Pictures of the panel and the slice view, light and dark, for people to look at; nothing may be cut."""

import threading

import numpy as np
import pytest
import qt

from Fast3DSAM.Logic.session import InteractiveSession
from Testing.logic.intensity_predictor import IntensityPredictor
from Testing.widgets.application import TWO_BALLS, Application, balls

WIDTH = 400
FIRST, SECOND = TWO_BALLS


def palette(dark: bool):
    colours = qt.QPalette()
    if dark:
        window, base, text = qt.QColor(50, 50, 50), qt.QColor(35, 35, 35), qt.QColor(230, 230, 230)
        for role in ("Window", "Button", "AlternateBase", "ToolTipBase"):
            colours.setColor(getattr(qt.QPalette, role), window)
        colours.setColor(qt.QPalette.Base, base)
        for role in ("WindowText", "Text", "ButtonText", "ToolTipText"):
            colours.setColor(getattr(qt.QPalette, role), text)
            colours.setColor(qt.QPalette.Disabled, getattr(qt.QPalette, role), qt.QColor(130, 130, 130))
        colours.setColor(qt.QPalette.Highlight, qt.QColor(42, 110, 180))
    return colours


@pytest.fixture(params=["light", "dark"])
def theme(request):
    before = qt.QPalette(qt.application.palette())
    qt.application.setPalette(palette(request.param == "dark"))
    yield request.param
    qt.application.setPalette(before)


def photograph(app, path) -> None:
    """Save the panel as it looks at Slicer's usual width, and see that no text is cut."""
    app.panel.refresh()
    app.window.show()
    for label in app.window.findChildren(qt.QLabel):
        label.updateGeometry()  # a text that changed while nothing was shown
    app.window.setFixedSize(WIDTH, app.window.layout().totalHeightForWidth(WIDTH))
    qt.application.processEvents()
    app.window.grab().save(str(path))
    for button in app.window.findChildren(qt.QPushButton):
        if button.isVisibleTo(app.window):
            assert button.width >= button.minimumSizeHint().width() - 2, f"'{button.text}' is cut"
    for label in app.window.findChildren(qt.QLabel):
        if label.isVisibleTo(app.window) and label.wordWrap:
            assert label.height >= label.heightForWidth(label.width), f"'{label.text}' is cut"
    app.window.hide()


def test_panel_empty(theme, app, artefacts):
    photograph(app, artefacts / f"panel_{theme}_empty.png")


def test_panel_preparing(theme, slicer_scene, artefacts):
    """The network stops in the middle of the embedding until the picture is taken."""
    go_on = threading.Event()

    class Slow(IntensityPredictor):
        def embed(self, voxels, inside):
            if self.embedded == 2:
                go_on.wait(30)
            return super().embed(voxels, inside)

    app = Application(slicer_scene, make=lambda settings: InteractiveSession(Slow(tolerance=30)))
    try:
        app.ui.volumeSelector.setCurrentNode(app.add_volume())
        app.wait(lambda: "tile 3" in app.ui.statusLabel.text)
        photograph(app, artefacts / f"panel_{theme}_preparing.png")
        assert app.ui.progressBar.isVisibleTo(app.window)
    finally:
        go_on.set()
        app.close()


def test_panel_working(theme, ready, artefacts):
    app = ready
    app.press(app.ui.foregroundButton)
    app.click(*FIRST)
    app.settle()
    app.click(FIRST[0], FIRST[1] + 3, FIRST[2])
    app.settle()
    app.key("N")
    app.click(*SECOND)
    app.settle()
    app.click(SECOND[0], SECOND[1] - 11, SECOND[2], shift=True)
    app.settle()
    app.view.move(5, 5)
    photograph(app, artefacts / f"panel_{theme}_working.png")
    app.ui.advancedButton.setCollapsed(False)
    app.press(app.ui.selfCheckButton)
    photograph(app, artefacts / f"panel_{theme}_advanced.png")


def test_panel_error(theme, ready, artefacts):
    ready.press(ready.ui.foregroundButton)
    ready.view.click(3, 3)
    ready.settle()
    assert "outside" in ready.ui.errorLabel.text
    photograph(ready, artefacts / f"panel_{theme}_error.png")


def test_slice_view_with_points_segment_and_preview(app, artefacts):
    rng = np.random.default_rng(1)
    centres = [(20, 24, 28), (20, 64, 30), (20, 50, 70)]
    voxels = balls((40, 96, 96), centres, 15) + rng.integers(-9, 9, (40, 96, 96), np.int16)
    app.choose(app.add_volume(voxels.astype(np.int16), size=480))
    app.press(app.ui.foregroundButton)
    app.click(*centres[0])
    app.settle()
    app.key("N")
    app.click(20, 62, 26)
    app.settle()
    app.click(20, 78, 46, shift=True)
    app.settle()
    assert all(app.mask(id).any() for id in app.bench.work.segment_ids)
    x, y = app.pixel(*centres[2])
    before = app.view.picture()
    app.view.move(x - 4, y)
    app.settle()
    app.view.move(x, y)
    app.settle()
    assert app.panel.preview.shown is not None
    app.view.save(artefacts / "slice_view_preview.png")
    after = app.view.picture()
    green = (after[..., 1] > 200) & (after[..., 0] < 150) & (before != after).any(-1)
    assert green.sum() > 100, "the outline of the preview is not drawn"
