"""Points that are moved while masks are computed elsewhere: each moment of a slow computer, step by step."""

import numpy as np
import pytest

from Testing.mrml.conftest import start_case
from Testing.mrml.late_session import HandWorker, LateSession

START, NEAR, FAR, OTHER = (9, 11, 13), (8, 11, 13), (5, 6, 7), (9, 5, 13)


@pytest.fixture
def slow(scene):
    """A case with one point at `START`; its masks come when `case.worker` is told to finish."""
    worker = HandWorker()
    case = start_case(scene, session=LateSession(), worker=worker)
    case.worker, case.node = worker, case.work.foreground_node
    case.node.AddControlPointWorld(case.ras(START))
    worker.finish_all()
    assert np.array_equal(case.mask(), case.ball(START))
    yield case
    case.work.close()


def take_hold(case):
    case.node.InvokeEvent(case.node.PointStartInteractionEvent)


def let_go(case):
    case.node.InvokeEvent(case.node.PointEndInteractionEvent)


def pull(case, kji):
    case.node.SetNthControlPointPositionWorld(0, case.ras(kji))


def test_a_drag_whose_masks_come_after_its_end_is_one_step(slow):
    saved = slow.work.history.GetNumberOfStates()
    take_hold(slow)
    for place in (NEAR, OTHER, FAR):
        pull(slow, place)
    let_go(slow)
    slow.worker.finish_all()
    assert np.array_equal(slow.mask(), slow.ball(FAR))
    assert slow.work.history.GetNumberOfStates() == saved + 1
    slow.work.undo()
    slow.worker.finish_all()
    assert np.array_equal(slow.mask(), slow.ball(START))


def test_undo_while_the_last_mask_of_a_drag_is_computed_takes_the_drag_back(slow):
    take_hold(slow)
    pull(slow, NEAR)
    pull(slow, FAR)
    let_go(slow)
    slow.work.undo()
    slow.worker.finish_all()
    assert np.array_equal(slow.mask(), slow.ball(START))
    assert np.allclose(slow.node.GetNthControlPointPositionWorld(0), slow.ras(START))
    slow.work.redo()
    slow.worker.finish_all()
    assert np.array_equal(slow.mask(), slow.ball(FAR))


def test_a_drag_that_goes_on_after_an_undo_does_not_replace_an_earlier_step(slow):
    take_hold(slow)
    pull(slow, NEAR)
    slow.work.undo()
    pull(slow, FAR)
    let_go(slow)
    slow.worker.finish_all()
    assert np.array_equal(slow.mask(), slow.ball(FAR))
    slow.work.undo()
    slow.worker.finish_all()
    assert np.array_equal(slow.mask(), slow.ball(START))


def test_two_drags_are_two_steps_however_late_their_masks_come(slow):
    for places in ((NEAR, OTHER), (NEAR, FAR)):
        take_hold(slow)
        for place in places:
            pull(slow, place)
        let_go(slow)
    slow.worker.finish_all()
    assert np.array_equal(slow.mask(), slow.ball(FAR))
    for expected in (OTHER, START):
        slow.work.undo()
        slow.worker.finish_all()
        assert np.array_equal(slow.mask(), slow.ball(expected))


def test_of_a_drag_only_the_newest_place_waits(slow):
    take_hold(slow)
    for k in (8, 7, 6, 5, 4):
        pull(slow, (k, 11, 13))
    let_go(slow)
    before = len(slow.session.prepared)
    slow.worker.finish_all()
    assert len(slow.session.prepared) - before == 2, "places in between were computed"
    assert np.array_equal(slow.mask(), slow.ball((4, 11, 13)))


def test_a_point_dragged_before_the_next_segment_was_asked_for_stays_with_its_own(slow):
    take_hold(slow)
    pull(slow, NEAR)
    pull(slow, FAR)
    let_go(slow)
    slow.work.next_segment()
    slow.worker.finish_all()
    first, second = slow.work.segment_ids
    assert np.array_equal(slow.mask(first), slow.ball(FAR)) and not slow.mask(second).any()


def test_a_drag_after_the_next_segment_was_asked_for_moves_no_point_of_that_one(slow):
    slow.work.new_segment()
    slow.node.AddControlPointWorld(slow.ras(OTHER))
    slow.worker.finish_all()
    first, second = slow.work.segment_ids
    slow.work.place(slow.ras((9, 5, 14)))  # its mask is being computed
    slow.work.active_segment_id = first
    pull(slow, FAR)  # a point of the second segment, which is on its way out
    slow.worker.finish_all()
    assert slow.work.active_segment_id == first
    assert np.array_equal(slow.mask(first), slow.ball(START))
