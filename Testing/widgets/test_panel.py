"""Buttons, keys and clicks in a real slice view do what the panel says, through the worker thread."""

import numpy as np

from Testing.widgets.application import TWO_BALLS, balls

FIRST, SECOND = TWO_BALLS
BALL = balls(centres=[FIRST]) > 0


def test_choosing_a_volume_prepares_it_in_the_background_and_says_so(app):
    seen = []
    app.bench.listeners.append(lambda: seen.append(app.bench.status.text))
    app.choose(app.add_volume())
    assert any("Embedding tile" in text for text in seen)
    assert "embedded in" in app.ui.statusLabel.text
    assert app.ui.foregroundButton.enabled


def test_a_foreground_click_in_the_slice_view_makes_the_segment(ready):
    ready.press(ready.ui.foregroundButton)
    ready.click(*FIRST)
    ready.settle()
    assert np.array_equal(ready.mask(), BALL)
    assert ready.ui.promptsTable.rowCount == 1
    assert "Predicted quality" in ready.ui.answerLabel.text
