import torch

from Fast3DSAM.Logic.model.mask_decoder import MaskPrediction
from Fast3DSAM.Logic.training.losses import ClickLoss, KeyLoss

TARGET = torch.zeros(1, 1, 8, 8, 8)
TARGET[..., 2:6, 2:6, 2:6] = 1


DRAFT = torch.zeros(1, 1, 1, 1, 1)


def _loss(logits, iou=1.0, draft=DRAFT):
    return ClickLoss()(MaskPrediction(logits, torch.tensor([iou]), draft), TARGET)


def test_a_better_mask_has_a_smaller_loss_and_a_larger_dice():
    found = []
    for wrong in (64, 32, 8, 0):
        logits = (TARGET * 2 - 1) * 4
        logits.flatten()[TARGET.flatten().nonzero()[:wrong, 0]] *= -1
        found.append(_loss(logits))
    masks, dices = [float(f.mask) for f in found], [float(f.dice) for f in found]
    assert masks == sorted(masks, reverse=True) and dices == sorted(dices) and dices[0] == 0 and dices[-1] == 1


def test_sure_and_right_is_better_than_unsure_and_right():
    assert _loss((TARGET * 2 - 1) * 8).mask < _loss((TARGET * 2 - 1) * 1).mask


def test_the_estimate_is_compared_with_the_true_iou():
    logits = (TARGET * 2 - 1) * 4
    assert float(_loss(logits, 1.0).iou) == 0 and abs(float(_loss(logits, 0.4).iou) - 0.36) < 1e-6
    assert _loss(logits, 0.4).total > _loss(logits, 1.0).total


def test_an_empty_target_gives_a_finite_loss():
    prediction = MaskPrediction(torch.full((1, 1, 8, 8, 8), -3.0), torch.tensor([0.5]), DRAFT)
    assert all(torch.isfinite(v) for v in ClickLoss()(prediction, torch.zeros(1, 1, 8, 8, 8)))


def test_descending_the_loss_finds_the_mask():
    logits = torch.zeros_like(TARGET, requires_grad=True)
    for _ in range(30):
        loss = ClickLoss()(MaskPrediction(logits, torch.tensor([0.5]), DRAFT), TARGET).mask
        (gradient,) = torch.autograd.grad(loss, logits)
        with torch.no_grad():
            logits -= 100 * gradient
    assert torch.equal(logits.detach() > 0, TARGET > 0)


def test_a_draft_is_best_where_it_says_how_much_of_each_coarse_voxel_is_target():
    share = torch.nn.functional.avg_pool3d(TARGET, 4)
    right = torch.logit(share.clamp(0.01, 0.99))
    logits = (TARGET * 2 - 1) * 4
    found = [_loss(logits, draft=draft) for draft in (right, right.flip(4) * 0, -right)]
    assert found[0].draft < found[1].draft < found[2].draft
    assert found[0].total < found[1].total < found[2].total and found[0].mask == found[2].mask


def _likeness(inside: float, outside: float) -> torch.Tensor:
    small = torch.nn.functional.avg_pool3d(TARGET, 2)
    return (outside + (inside - outside) * small).requires_grad_()


def test_keys_are_to_be_alike_within_the_target_and_unlike_outside():
    clicked = torch.tensor([True])
    losses = [
        float(KeyLoss()(_likeness(*pair).detach(), TARGET, clicked))
        for pair in ((1, -1), (0.8, 0.2), (0.5, 0.5), (0, 1))
    ]
    assert losses == sorted(losses) and losses[0] < 0.1


def test_keys_of_rows_without_a_foreground_click_learn_nothing():
    likeness = _likeness(0.5, 0.5)
    loss = KeyLoss()(likeness, TARGET, torch.tensor([False]))
    loss.backward()
    assert float(loss.detach()) == 0 and not likeness.grad.any()
    both = torch.cat([_likeness(0.9, 0.1), _likeness(0.1, 0.9)])
    rows = KeyLoss()(both, TARGET.expand(2, -1, -1, -1, -1), torch.tensor([True, False]))
    assert torch.equal(rows, KeyLoss()(both[:1], TARGET, torch.tensor([True])))
