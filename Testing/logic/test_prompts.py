import json

import numpy as np
import pytest

from Fast3DSAM.Logic.errors import InvalidPromptError
from Fast3DSAM.Logic.geometry import Box
from Fast3DSAM.Logic.prompts import BoxPrompt, MaskPrompt, PointPrompt, PromptHistory, PromptSet

MASK = np.random.default_rng(0).random((7, 6, 5)) < 0.3


def _everything() -> PromptSet:
    prompts = PromptSet().with_mask(MASK).with_point((1.25, 2, 3)).with_point((4, 0.1, 2), False)
    return prompts.with_box((5, 5, 1), (1, 2, 4)).with_scribble([(1, 1, 1), (2, 2.5, 2)], False)


def test_prompts_survive_json_exactly():
    prompts = _everything()
    again = PromptSet.from_json(prompts.to_json())
    assert again == prompts and hash(again) == hash(prompts)
    restored = np.zeros_like(MASK)
    restored[again.prompts[0].box.slices] = again.prompts[0].array()
    np.testing.assert_array_equal(restored, MASK)


def test_the_empty_set_survives_json():
    assert PromptSet.from_json(PromptSet().to_json()) == PromptSet()


def _row(**changes) -> str:
    row = {"kind": "point", "id": 1, "position": [1, 2, 3], "positive": True, **changes}
    return json.dumps({"version": 1, "prompts": [row]})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no json",
        "[]",
        "3",
        "{}",
        '{"prompts": [1]}',
        _row(kind="circle"),
        _row(position=[1, 2]),
        _row(position=[1, 2, None]),
        _row(id="first"),
        json.dumps({"prompts": [{"kind": "mask", "id": 1, "box": [[0, 0, 0]], "bits": ""}]}),
        json.dumps({"prompts": [{"kind": "mask", "id": 1, "box": [[0, 0, 0], [2, 2, 2]], "bits": "not packed"}]}),
        json.dumps({"prompts": [{"kind": "mask", "id": 1, "box": [[0, 0, 0], [2, 2, 2]], "bits": "AAAA"}]}),
    ],
)
def test_foreign_text_is_refused_with_a_remedy(text):
    with pytest.raises(InvalidPromptError, match="start it afresh"):
        PromptSet.from_json(text)


def test_ids_are_never_given_twice():
    prompts = PromptSet().with_point((0, 0, 0)).with_point((1, 1, 1)).with_point((2, 2, 2))
    assert [p.id for p in prompts] == [1, 2, 3]
    assert [p.id for p in prompts.without(2).with_point((3, 3, 3))] == [1, 3, 4]


def test_a_second_box_replaces_the_first_and_corners_may_come_in_any_order():
    prompts = PromptSet().with_box((9, 1, 5), (2, 8, 3)).with_box((4, 4, 4), (1, 5, 0))
    (box,) = prompts
    assert isinstance(box, BoxPrompt) and box.lo == (1, 4, 0) and box.hi == (4, 5, 4)


def test_a_mask_replaces_all_earlier_prompts():
    assert [type(p) for p in PromptSet().with_point((1, 1, 1)).with_mask(MASK)] == [MaskPrompt]


def test_moving_and_flipping_keep_order_and_id():
    prompts = PromptSet().with_point((0, 0, 0)).with_point((1, 1, 1), False)
    changed = prompts.moved(1, (5, 5, 5)).flipped(2)
    assert changed.prompts == (PointPrompt(1, (5.0, 5.0, 5.0), True), PointPrompt(2, (1.0, 1.0, 1.0), True))
    assert prompts.prompts[0].position == (0, 0, 0)


@pytest.mark.parametrize("change", [lambda p: p.moved(7, (0, 0, 0)), lambda p: p.flipped(7), lambda p: p.without(7)])
def test_a_prompt_that_does_not_exist_is_named(change):
    with pytest.raises(InvalidPromptError, match="no prompt 7"):
        change(PromptSet().with_point((0, 0, 0)))


def test_a_box_cannot_be_moved_or_flipped_like_a_point():
    prompts = PromptSet().with_box((0, 0, 0), (2, 2, 2))
    for change in (lambda: prompts.moved(1, (0, 0, 0)), lambda: prompts.flipped(1)):
        with pytest.raises(InvalidPromptError, match="choose a point"):
            change()


@pytest.mark.parametrize("position", [(1, 2), (1, 2, np.nan), (1, 2, np.inf), "abc", None, ((1, 2, 3),)])
def test_a_malformed_position_is_refused(position):
    with pytest.raises(InvalidPromptError, match="three finite voxel coordinates"):
        PromptSet().with_point(position)


def test_an_empty_scribble_is_refused():
    with pytest.raises(InvalidPromptError, match="draw it again"):
        PromptSet().with_scribble([])


def test_a_mask_prompt_holds_the_mask_and_little_else():
    mask = np.zeros((64, 64, 64), bool)
    mask[10:50, 10:50, 10:50] = True
    prompt = MaskPrompt.of(1, mask)
    assert prompt.box == Box((10, 10, 10), (50, 50, 50)) and prompt.array().all() and len(prompt.bits) < 1000


def _points(count: int) -> PromptSet:
    prompts = PromptSet()
    for number in range(count):
        prompts = prompts.with_point((number, 0, 0))
    return prompts


def test_undo_and_redo_walk_the_same_states():
    history = PromptHistory()
    for count in (1, 2, 3):
        history.push(_points(count))
    assert [len(history.undo()) for _ in range(5)] == [2, 1, 0, 0, 0] and not history.can_undo
    assert [len(history.redo()) for _ in range(5)] == [1, 2, 3, 3, 3] and not history.can_redo


def test_a_new_step_forgets_what_was_undone():
    history = PromptHistory(_points(1))
    history.push(_points(2))
    history.undo()
    history.push(_points(3))
    assert not history.can_redo and len(history.undo()) == 1


def test_amending_makes_no_step_and_forgets_what_was_undone():
    history = PromptHistory()
    for count in (1, 2, 3):
        history.push(_points(count))
    history.undo()
    history.amend(_points(2).moved(1, (9, 9, 9)))
    assert not history.can_redo and history.current.prompts[0].position == (9, 9, 9)
    assert len(history.undo()) == 1


def test_pushing_the_present_is_no_step():
    history = PromptHistory(_points(1))
    history.push(_points(1))
    assert not history.can_undo
