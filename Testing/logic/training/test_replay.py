import itertools
import threading

import numpy as np
import pytest
import torch

from Fast3DSAM.Logic.training.replay import Replay

CPU = torch.device("cpu")


def _batch(first: int, count: int = 2, targets: int = 4):
    """Every sample's image is its number, its k-th target is where k of four slices are."""
    image = torch.arange(first, first + count).float().view(-1, 1, 1, 1, 1).expand(-1, 3, 4, 4, 4)
    masks = torch.zeros(count, targets, 4, 4, 4, dtype=torch.bool)
    for k in range(targets):
        masks[:, k, : k + 1] = True
    return image, masks, torch.full((count, 1, 1, 1), first, dtype=torch.int16)


def _numbers(drawn) -> set:
    return {int(image[0, 0, 0, 0]) for image in drawn.image}


def test_what_is_drawn_has_a_step_s_shapes_and_belongs_together():
    replay = Replay([_batch(0), _batch(2)], capacity=8, device=CPU)
    drawn = replay.draw(np.random.default_rng(0), 3, 2)
    assert drawn.image.shape == (3, 3, 4, 4, 4) and drawn.image.dtype == torch.float32
    assert drawn.targets.shape == (3, 2, 4, 4, 4) and drawn.targets.dtype == torch.bool
    assert all(int(i[0, 0, 0, 0]) // 2 * 2 == int(c) for i, c in zip(drawn.image, drawn.classes[:, 0, 0, 0]))
    assert len(_numbers(drawn)) == 3


def test_targets_of_one_draw_differ_and_the_first_is_drawn_most():
    replay = Replay([_batch(0)], capacity=2, device=CPU)
    rng, counts = np.random.default_rng(0), np.zeros(4)
    for _ in range(60):
        for masks in replay.draw(rng, 2, 2).targets:
            which = masks[:, :, 0, 0].sum(1).numpy() - 1
            assert len(set(which)) == 2
            counts[which] += 1
    assert counts.argmax() == 0 and counts.min() > 20


def test_the_oldest_samples_make_room_for_the_newest():
    replay = Replay([_batch(first) for first in range(0, 10, 2)], capacity=4, device=CPU)
    seen = set()
    while replay.made < 10:
        replay.draw(np.random.default_rng(0), 2, 1)
    for seed in range(20):
        seen |= _numbers(replay.draw(np.random.default_rng(seed), 4, 1))
    assert seen == {6, 7, 8, 9}


def test_a_draw_does_not_wait_for_samples_that_are_still_being_made():
    goes_on = threading.Event()

    def slow():
        yield _batch(0)
        goes_on.wait(60)
        yield _batch(2)

    replay = Replay(slow(), capacity=4, device=CPU)
    for seed in range(5):
        assert _numbers(replay.draw(np.random.default_rng(seed), 2, 1)) == {0, 1}
    goes_on.set()


def test_what_goes_wrong_while_samples_are_made_is_told():
    def broken():
        yield _batch(0)
        raise OSError("the disk is gone")

    replay = Replay(broken(), capacity=4, device=CPU)
    with pytest.raises(OSError, match="disk is gone"):
        for _ in itertools.repeat(None, 10_000):
            replay.draw(np.random.default_rng(0), 2, 1)
