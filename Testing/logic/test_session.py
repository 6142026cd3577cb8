import numpy as np
import pytest

from Fast3DSAM.Logic.errors import InvalidPromptError, NoVolumeError
from Fast3DSAM.Logic.geometry import Box
from Fast3DSAM.Logic.prompts import PromptHistory, PromptSet
from Fast3DSAM.Logic.session import InteractiveSession
from Testing.logic.intensity_predictor import IntensityPredictor
from Testing.logic.volumes import ball, bright, dice

SHAPE = (72, 72, 72)
LEFT, RIGHT = (36, 36, 18), (36, 36, 54)
TWINS = [ball(SHAPE, centre, 11) for centre in (LEFT, RIGHT)]


@pytest.fixture
def session() -> InteractiveSession:
    session = InteractiveSession(IntensityPredictor())
    session.set_volume(bright(*TWINS))
    return session


def test_a_click_gives_the_object_under_it(session):
    for centre, truth in zip((LEFT, RIGHT), TWINS):
        session.reset()
        update = session.add_point(centre)
        assert dice(update.mask, truth) > 0.9 and 0 < update.iou <= 1 and update.seconds >= 0
        assert update.mask.shape == update.shape == session.shape == SHAPE


def test_shifting_a_click_moves_the_mask(session):
    session.add_point(LEFT)
    update = session.move_point(1, RIGHT)
    assert dice(update.mask, TWINS[1]) > 0.9 and not update.mask[TWINS[0]].any()
    assert session.prompts.prompts[0].id == 1


def test_the_box_of_an_update_holds_the_old_and_the_new_mask(session):
    before = session.add_point(LEFT)
    update = session.move_point(1, RIGHT)
    assert update.box == Box.of_mask(before.mask | update.mask)
    assert update.box_mask.shape == update.box.shape and update.box_mask.sum() == update.mask.sum()


def test_updates_painted_one_by_one_give_the_mask(session):
    """What the MRML bridge does: each update replaces its box and nothing else."""
    painted = np.zeros(SHAPE, bool)
    steps = [
        lambda: session.add_point(LEFT),
        lambda: session.add_point(RIGHT),
        lambda: session.remove_point(1),
        lambda: session.move_point(2, (40, 40, 50)),
        session.undo,
        session.undo,
        session.redo,
        lambda: session.flip_point(2),
        lambda: session.add_box((20, 20, 2), (50, 50, 34)),
        session.reset,
        session.undo,
    ]
    for step in steps:
        update = step()
        painted[update.box.slices] = update.box_mask
        np.testing.assert_array_equal(painted, update.mask)


def test_undo_and_redo_restore_prompts_and_masks(session):
    masks = [session.reset().mask]
    for centre in (LEFT, (40, 36, 18), RIGHT):
        masks.append(session.add_point(centre).mask)
    for count in (2, 1, 0, 0):
        np.testing.assert_array_equal(session.undo().mask, masks[count])
        assert len(session.prompts) == count
    for count in (1, 2, 3, 3):
        np.testing.assert_array_equal(session.redo().mask, masks[count])
        assert len(session.prompts) == count


def test_reset_can_be_undone(session):
    mask = session.add_point(LEFT).mask
    update = session.reset()
    assert not update.mask.any() and update.box == Box.of_mask(mask) and len(session.prompts) == 0
    np.testing.assert_array_equal(session.undo().mask, mask)


def test_a_drag_is_one_step(session):
    start = session.add_point(LEFT).mask
    for offset in (2, 4, 6):
        session.move_point(1, (36 + offset, 36, 18), new_step=offset == 2)
    assert session.prompts.prompts[0].position == (42, 36, 18)
    np.testing.assert_array_equal(session.undo().mask, start)
    assert session.prompts.prompts[0].position == LEFT


def test_removing_and_flipping_a_click_take_its_object_away(session):
    session.add_point(LEFT)
    session.add_point(RIGHT)
    assert not session.flip_point(2).mask[TWINS[1]].any()
    session.undo()
    assert not session.remove_point(1).mask[TWINS[0]].any()
    update = session.remove_point(2)
    assert not update.mask.any() and session.update is update


def test_a_preview_is_what_the_click_gives_and_changes_nothing(session):
    session.add_point(LEFT)
    prompts, shown, can_undo = session.prompts, session.update, session.history.can_undo
    preview = session.preview(RIGHT)
    assert session.prompts is prompts and session.update is shown and session.history.can_undo is can_undo
    update = session.add_point(RIGHT)
    np.testing.assert_array_equal(preview.mask, update.mask)
    assert preview.box == update.box


def test_previews_leave_no_trace_in_later_masks(session):
    for position in (RIGHT, (0, 0, 0), (36, 36, 36)):
        session.preview(position)
        session.preview(position, positive=False)
    fresh = InteractiveSession(IntensityPredictor())
    fresh.set_volume(bright(*TWINS))
    np.testing.assert_array_equal(session.add_point(LEFT).mask, fresh.add_point(LEFT).mask)


def _prompts() -> PromptSet:
    return PromptSet().with_point(LEFT).with_point((30, 40, 22)).with_point((5, 5, 5), False)


def _clicked(session):
    for prompt in _prompts():
        update = session.add_point(prompt.position, prompt.positive)
    return update


def _after_undo_and_redo(session):
    _clicked(session)
    session.undo()
    session.undo()
    session.redo()
    return session.redo()


def _after_a_detour(session):
    session.add_point(RIGHT)
    session.add_box((2, 2, 2), (60, 60, 60))
    session.reset()
    return session.apply(_prompts())


def _reloaded(session):
    return session.use_history(PromptHistory(PromptSet.from_json(_prompts().to_json())))


@pytest.mark.parametrize("way", [_clicked, _after_undo_and_redo, _after_a_detour, _reloaded])
def test_the_same_prompts_give_the_same_mask_whatever_the_way(session, way):
    direct = InteractiveSession(IntensityPredictor())
    direct.set_volume(bright(*TWINS))
    expected = direct.apply(_prompts())
    found = way(session)
    np.testing.assert_array_equal(found.mask, expected.mask)
    assert found.iou == expected.iou and session.prompts == _prompts()


def test_use_history_brings_the_whole_mask_of_another_segment_back(session):
    first = session.add_point(LEFT)
    first_history = session.history
    session.use_history(PromptHistory())
    assert len(session.prompts) == 0
    session.add_point(RIGHT)
    back = session.use_history(first_history)
    np.testing.assert_array_equal(back.mask, first.mask)
    assert back.box == Box.of_mask(first.mask) and session.history is first_history
    assert len(session.prompts) == 1 and not session.undo().mask.any()


def test_a_box_frames_the_object(session):
    update = session.add_box((50, 50, 32), (22, 22, 4))
    assert dice(update.mask, TWINS[0]) > 0.9


def test_a_scribble_through_two_objects_takes_both(session):
    update = session.add_scribble([LEFT, (36, 36, 30), RIGHT])
    assert update.mask[LEFT] and update.mask[RIGHT]


def test_an_initial_mask_is_shown_as_it_is_and_can_be_undone(session):
    clicked = session.add_point(LEFT).mask
    given = np.random.default_rng(0).random(SHAPE) < 0.05
    update = session.set_initial_mask(given)
    np.testing.assert_array_equal(update.mask, given)
    assert len(session.prompts) == 1
    np.testing.assert_array_equal(session.undo().mask, clicked)


def test_an_initial_mask_may_be_a_labelmap(session):
    np.testing.assert_array_equal(session.set_initial_mask(3 * TWINS[0].astype(np.uint8)).mask, TWINS[0])


def test_the_next_click_is_suggested_inside_the_volume_once_there_is_a_mask(session):
    assert session.suggest_next() is None
    session.add_point(LEFT)
    place = session.suggest_next()
    assert all(0 <= p <= n - 1 for p, n in zip(place, SHAPE))
    session.add_point(place)


def test_a_voxels_outer_half_still_belongs_to_the_volume(session):
    session.add_point((-0.5, 71.5, 30.2))
    assert session.prompts.prompts[0].position == (0, 71, 30.2)


def test_without_a_volume_every_prompt_says_so():
    session = InteractiveSession(IntensityPredictor())
    calls = [
        lambda: session.add_point(LEFT),
        lambda: session.preview(LEFT),
        lambda: session.add_box(LEFT, RIGHT),
        lambda: session.set_initial_mask(TWINS[0]),
        lambda: session.apply(PromptSet()),
        session.undo,
        session.redo,
        session.reset,
        session.suggest_next,
        lambda: session.use_history(PromptHistory()),
        lambda: session.shape,
        lambda: session.geometry,
    ]
    for call in calls:
        with pytest.raises(NoVolumeError, match="choose one"):
            call()
    assert not session.has_volume


def test_a_refused_prompt_is_no_step(session):
    session.add_point(LEFT)
    for call in (
        lambda: session.remove_point(9),
        lambda: session.move_point(1, (99, 0, 0)),
        lambda: session.flip_point(5),
    ):
        with pytest.raises(InvalidPromptError):
            call()
    assert session.prompts == PromptSet().with_point(LEFT) and not session.history.can_redo
