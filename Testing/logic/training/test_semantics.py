import numpy as np
import pytest
import torch

from Fast3DSAM.Logic.training.semantics import CLASSES, NO_CLASS, SemanticHead, Vocabulary, _named
from Testing.logic.model.networks import TINY, image, network

INSIDE = np.ones((32, 32, 32), bool)


def _labels(value: int = 3) -> np.ndarray:
    labels = np.zeros((32, 32, 32), int)
    labels[8:24, 8:24, 16:] = value
    return labels


def test_families_do_not_share_classes():
    vocabulary = Vocabulary(["knees", "heads"])
    found = [set(np.unique(vocabulary.classes(f, _labels(), INSIDE))) for f in ("knees", "heads")]
    assert found == [{0, 3}, {CLASSES, CLASSES + 3}] and len(vocabulary) == 2 * CLASSES


def test_classes_lie_where_the_labels_do_on_a_grid_of_every_fourth_voxel():
    classes = Vocabulary(["knees"]).classes("knees", _labels(), INSIDE)
    assert classes.shape == (8, 8, 8) and (classes[2:6, 2:6, 4:] == 3).all() and (classes == 3).sum() == 64


def test_beyond_the_volume_and_in_families_without_meaning_there_is_no_class():
    inside = INSIDE.copy()
    inside[:, 16:] = False
    vocabulary = Vocabulary(["knees"])
    classes = vocabulary.classes("knees", _labels(), inside)
    assert (classes[:, 4:] == NO_CLASS).all() and (classes[:, :4] != NO_CLASS).all()
    assert (vocabulary.classes(None, _labels(), INSIDE) == NO_CLASS).all()


def test_the_largest_label_value_still_is_a_class_of_its_family():
    assert Vocabulary(["a", "b"]).classes("a", _labels(9999), INSIDE).max() < CLASSES


@pytest.fixture
def head() -> SemanticHead:
    torch.manual_seed(0)
    return SemanticHead(TINY, 2 * CLASSES)


def _classes(families, labels=None) -> torch.Tensor:
    vocabulary = Vocabulary(["knees", "heads"])
    rows = [vocabulary.classes(f, _labels() if labels is None else labels, INSIDE) for f in families]
    return torch.from_numpy(np.stack(rows))


def test_descending_the_loss_teaches_the_encoder_and_the_head_to_name_the_classes(head):
    model = network().requires_grad_(True)
    optimizer = torch.optim.Adam([*model.image_encoder.parameters(), *head.parameters()], 3e-3)
    picture, classes = image(), _classes(["heads"])
    picture[0, :2] += torch.from_numpy(_labels(2))
    losses = []
    for _ in range(40):
        loss = head(model.embed(picture), classes)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.2 * losses[0]


def test_each_class_of_a_crop_counts_the_same(head):
    """A head that says background everywhere is as wrong on a small structure as on a large one."""
    embedding = network().embed(image())
    with torch.no_grad():
        for part in (head.quarter, head.coarse):
            part.weight.zero_()
            part.bias.zero_()
            part.bias[0] = 5
    small, large = np.zeros((32, 32, 32), int), np.full((32, 32, 32), 3)
    small[16:24, 16:24, 16:24] = 3
    large[:8, :8, :8] = 0
    first, second = (head(embedding, _classes(["knees"], labels)).item() for labels in (small, large))
    assert abs(first - second) < 1e-4 and first > 1


def test_crops_of_different_families_are_each_named_by_their_own_part_of_the_head(head):
    """Against PyTorch's, crop by crop; the second lies half beyond its volume, the third has no classes."""
    inside = INSIDE.copy()
    inside[:, 16:] = False
    vocabulary = Vocabulary(["knees", "heads"])
    rows = [("heads", 5, INSIDE), ("knees", 2, inside), (None, 1, INSIDE)]
    classes = torch.from_numpy(np.stack([vocabulary.classes(f, _labels(v), valid) for f, v, valid in rows]))
    features = torch.randn(3, head.quarter.in_features, 8, 8, 8)
    expected = []
    for row, wanted, first in zip(features, classes.long(), (CLASSES, 0, None)):
        known = wanted != NO_CLASS
        if first is None:
            assert not known.any()
            expected.append(torch.zeros(()))
            continue
        own = slice(first, first + CLASSES)
        scores = row.movedim(0, -1)[known] @ head.quarter.weight[own].T + head.quarter.bias[own]
        counts = (wanted[known] - first).bincount(minlength=CLASSES)
        weights = torch.where(counts > 0, 1 / counts.clamp(min=1), 0.0)
        expected.append(torch.nn.functional.cross_entropy(scores, wanted[known] - first, weights))
    torch.testing.assert_close(_named(head.quarter, features, classes), torch.stack(expected).mean())


def test_every_weight_has_a_gradient_even_where_no_crop_has_classes(head):
    loss = head(network().embed(image(batch=2)), torch.full((2, 8, 8, 8), NO_CLASS, dtype=torch.int16))
    loss.backward()
    assert float(loss.detach()) == 0 and all(p.grad is not None and not p.grad.any() for p in head.parameters())
