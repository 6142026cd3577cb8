"""Changes whose masks are computed elsewhere keep their order; a worker that is driven by hand shows each moment."""

import pytest

from Fast3DSAM.Logic.deferred import MaskPending
from Fast3DSAM.Logic.errors import InvalidPromptError
from Fast3DSAM.Logic.mrml.turns import Turns
from Fast3DSAM.Logic.prompts import PromptSet
from Testing.mrml.late_session import HandWorker


class Story:
    """A session, actions that need masks, and what happened."""

    def __init__(self) -> None:
        self.worker, self.prepared, self.happened, self.errors = HandWorker(), set(), [], []
        self.subject = "segment"
        self.turns = Turns(
            self, self.worker, lambda: self.subject, lambda: self.happened.append("idle"), self.errors.append
        )

    def prepare(self, prompts) -> None:
        self.prepared.add(prompts)

    def action(self, name):
        prompts = PromptSet().with_point((len(name), 0, 0))

        def act():
            if prompts not in self.prepared:
                raise MaskPending(prompts)
            self.happened.append(name)
            return name

        return act

    def take(self, name):
        return self.turns.take(self.action(name), lambda: self.happened.append(f"no {name}"))


@pytest.fixture
def story():
    return Story()


def test_what_is_at_hand_is_done_at_once(story):
    assert story.turns.take(lambda: 7) == 7
    assert not story.turns.is_waiting


def test_an_action_waits_for_its_mask_and_then_happens(story):
    assert story.take("a") is None and story.turns.is_waiting
    story.worker.finish()
    assert story.happened == ["a", "idle"] and not story.turns.is_waiting


def test_later_actions_keep_their_order_even_if_their_masks_are_at_hand(story):
    story.take("a")
    story.turns.take(lambda: story.happened.append("quick"))
    story.take("ccc")
    story.worker.finish()
    assert story.happened == ["a", "quick"] and story.turns.is_waiting
    story.worker.finish()
    assert story.happened == ["a", "quick", "ccc", "idle"]


def test_a_failed_mask_is_told_and_the_next_action_goes_on(story):
    story.take("a")
    story.take("bb")
    story.worker.finish(InvalidPromptError("not there"))
    story.worker.finish()
    assert story.happened == ["no a", "bb", "idle"] and story.errors == ["not there"]


def test_an_action_about_a_segment_that_is_gone_is_dropped(story):
    story.take("a")
    story.subject = "another"
    story.worker.finish()
    assert story.happened == ["no a", "idle"] and story.errors == []


def test_clear_drops_everything(story):
    story.take("a")
    story.take("bb")
    story.turns.clear()
    assert not story.turns.is_waiting and story.worker.jobs == [] and story.happened == []


def test_without_a_worker_the_caller_hears_of_it(story):
    turns = Turns(story, None, lambda: None, lambda: None, story.errors.append)
    with pytest.raises(MaskPending):
        turns.take(story.action("a"))
