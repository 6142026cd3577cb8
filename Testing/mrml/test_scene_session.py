import numpy as np


def test_a_click_fills_the_segment(case):
    case.work.place(case.ras((9, 11, 13)))
    assert np.array_equal(case.mask(), case.ball((9, 11, 13)))
    assert case.errors == []


def test_a_markups_point_fills_the_segment(case):
    case.work.foreground_node.AddControlPointWorld(case.ras((9, 11, 13)))
    case.work.background_node.AddControlPointWorld(case.ras((9, 11, 15)))
    assert np.array_equal(case.mask(), case.ball((9, 11, 13), minus=[(9, 11, 15)]))
    assert len(case.updates) == 2
    assert case.errors == []
