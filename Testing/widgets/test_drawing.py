"""Boxes, strokes and lassos drawn with the mouse in a real slice view become prompts."""

import numpy as np

from Fast3DSAM.Logic.prompts import BoxPrompt, ScribblePrompt
from Testing.widgets.application import TWO_BALLS
from Testing.widgets.test_panel import is_ball

FIRST, SECOND = TWO_BALLS
K, J, LEFT = FIRST


def draw(app, places, end_with_double_click: bool) -> None:
    """Click along these (j, i) voxels of the middle slice."""
    for j, i in places:
        app.click(K, j, i)
    if end_with_double_click:
        app.view.double_click()
    app.settle()


def test_a_box_is_drawn_with_two_clicks_and_is_as_deep_as_wide(ready):
    ready.press(ready.ui.boxButton)
    draw(ready, [(J - 8, LEFT - 8), (J + 8, LEFT + 8)], False)
    (box,) = ready.bench.session.prompts
    assert isinstance(box, BoxPrompt)
    assert np.allclose(np.subtract(box.hi, box.lo), 16, atol=1)
    assert is_ball(ready.mask(), FIRST)
    assert ready.ui.pointButton.checked and ready.panel.placing.is_on
    assert ready.scene.GetFirstNodeByClass("vtkMRMLMarkupsROINode") is None


def test_a_scribble_ends_with_a_double_click_and_the_next_can_be_drawn(ready):
    ready.press(ready.ui.scribbleButton)
    draw(ready, [(J, LEFT - 3), (J, LEFT), (J + 2, LEFT + 3)], True)
    (stroke,) = ready.bench.session.prompts
    assert isinstance(stroke, ScribblePrompt) and stroke.positive
    assert is_ball(ready.mask(), FIRST)
    assert ready.scene.GetNumberOfNodesByClass("vtkMRMLMarkupsCurveNode") == 1, "the next stroke waits to be drawn"
    ready.key("Esc")
    assert ready.scene.GetNumberOfNodesByClass("vtkMRMLMarkupsCurveNode") == 0


def test_a_lasso_counts_as_clicks_inside_it(ready):
    ready.press(ready.ui.lassoButton)
    draw(ready, [(J - 5, LEFT - 5), (J - 5, LEFT + 5), (J + 5, LEFT + 5), (J + 5, LEFT - 5)], True)
    (lasso,) = ready.bench.session.prompts
    assert all(abs(j - J) < 5 and abs(i - LEFT) < 5 for _, j, i in lasso.points)
    assert is_ball(ready.mask(), FIRST)


def test_escape_in_the_middle_of_a_drawing_leaves_nothing(ready):
    ready.press(ready.ui.lassoButton)
    draw(ready, [(J - 5, LEFT - 5), (J - 5, LEFT + 5)], False)
    ready.key("Esc")
    assert len(ready.bench.session.prompts) == 0
    assert ready.scene.GetFirstNodeByClass("vtkMRMLMarkupsClosedCurveNode") is None
