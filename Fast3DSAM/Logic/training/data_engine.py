"""Endless training samples, each a function of (seed, index): the same whenever and wherever it is drawn."""

from __future__ import annotations

import itertools
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Iterator, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
from scipy import ndimage
from torch.utils.data import Dataset, Sampler

from ..preprocessing import normalised_channels
from .cases import Crop, FoundCases, TrainingCase, find_cases, random_crop
from .label_maps import random_label_map, with_surroundings
from .pasted_objects import with_pasted_objects
from .pseudo_labels import supervoxel_labels
from .semantics import Vocabulary
from .synthesis import image_from_labels, scanner_effects, with_other_contrast

_SMALLEST = 24  # voxels of a target: what an organ is on the coarsest level
_FULLEST = 0.9  # of the crop: a tile inside a large object is nearly all object
_PARTS = 0.1  # of the targets: parts of objects
_OF_PAIRS = 1 / 3  # of the images that get pseudo-labels
_OTHER_CONTRAST = 0.5  # of the crops of images that were drawn on: these are few
_IN_VOID = 0.4  # of the label maps whose structures lie in a void; the others' lie among made-up ones


class Sample(NamedTuple):
    """`image` (3, n, n, n) float32, `targets` (K, n, n, n) bool, `classes` (n / 4, ...) int16.

    All (k, j, i); `Vocabulary.classes` says what the classes are.
    """

    image: np.ndarray
    targets: np.ndarray
    classes: np.ndarray


@dataclass(frozen=True)
class Mix:
    """How often each source is drawn; the rest is made-up label maps. Without one the others keep their proportions.

    `drawn` are images for which the project has labels of its own (`cases.DRAWN`). `images` are those of the role
    `images` and those of pairs, without labels, whose supervoxels serve as pseudo-labels. `pasted` of the real images,
    with labels or without, get made-up objects besides.
    """

    real: float = 0.38
    images: float = 0.15
    real_labels: float = 0.19
    drawn: float = 0.18
    pasted: float = 0.2


DEFAULT_MIX = Mix()


class DataEngine(Dataset):
    """Draws `Sample`s of `size`^3 voxels with `targets` targets each."""

    def __init__(
        self,
        folder: Optional[Path],
        size: int,
        targets: int,
        seed: int = 0,
        mix: Mix = DEFAULT_MIX,
        cases: Sequence[TrainingCase] = (),
    ) -> None:
        """`folder` has an INDEX.tsv; `cases` are further image/label pairs; with neither, all is made up."""
        found = find_cases(folder) if folder else FoundCases([], [], [], [])
        self._pairs = _by_family([*found.pairs, *cases])
        self._maps, self._images = _by_family(found.maps), _by_family(found.images)
        self._drawn = _by_family(found.drawn)
        self.vocabulary = Vocabulary([family[0].kind for family in (*self._pairs, *self._maps, *self._drawn)])
        self.size, self.targets, self.seed, self.mix = size, targets, seed, mix

    def __getitem__(self, index: int) -> Sample:
        rng = np.random.default_rng([self.seed, index])
        while True:
            crop, is_real, kind = self._crop(rng)
            if crop is None:
                continue
            classes = self.vocabulary.classes(kind, crop.labels, crop.inside)
            if is_real and rng.random() < self.mix.pasted:
                crop = with_pasted_objects(rng, crop)
            targets = choose_targets(rng, crop.labels, self.targets, crop.framed)
            if targets is None:
                continue
            if is_real:
                image = scanner_effects(rng, crop.image, strength=0.4)
            else:
                is_among_others = kind is not None and rng.random() >= _IN_VOID
                image = image_from_labels(rng, with_surroundings(rng, crop.labels) if is_among_others else crop.labels)
            return Sample(normalised_channels(image, crop.inside), targets, classes)

    def _crop(self, rng: np.random.Generator) -> Tuple[Optional[Crop], bool, Optional[Tuple[str, bool]]]:
        """A crop, whether its image is real, and of which kind of cases its labels are, if they have meaning."""
        shares = np.array([self.mix.real, self.mix.images, self.mix.real_labels, self.mix.drawn, 0.0])
        shares[-1] = max(0.0, 1 - shares.sum())
        shares *= [bool(self._pairs), bool(self._images), bool(self._maps), bool(self._drawn), True]
        if not shares.any():  # all that the mix asks for is missing
            shares[-1] = 1
        source = rng.choice(5, p=shares / shares.sum())
        if source == 0:
            case = _draw(rng, self._pairs)
            return random_crop(rng, case, self.size), True, case.kind
        if source == 1:
            families = self._pairs if self._pairs and rng.random() < _OF_PAIRS else self._images
            crop = random_crop(rng, replace(_draw(rng, families), label_path=None), self.size)
            if crop is None or not np.ptp(crop.image) > 0:
                return None, True, None
            labels = np.where(crop.inside, supervoxel_labels(rng, crop.image), 0)
            return crop._replace(labels=labels, framed=0), True, None
        if source == 2:
            case = _draw(rng, self._maps, power=0.25)  # atlases of a head have hundreds, those of an abdomen tens
            return random_crop(rng, case, self.size), False, case.kind
        if source == 3:
            case = _draw(rng, self._drawn)
            crop = random_crop(rng, case, self.size)
            if crop is not None and rng.random() < _OTHER_CONTRAST:
                crop = crop._replace(image=with_other_contrast(rng, crop.image, crop.labels))
            return crop, True, case.kind
        labels = random_label_map(rng, self.size)
        return Crop(labels, None, _random_inside(rng, self.size)), False, None


def _by_family(cases: Sequence[TrainingCase]) -> List[List[TrainingCase]]:
    families = defaultdict(list)
    for case in cases:
        families[case.family].append(case)
    return list(families.values())


def _draw(rng: np.random.Generator, families: List[List[TrainingCase]], power: float = 0.5) -> TrainingCase:
    """A family by a power of how many structures it shows, then one of its cases."""
    weights = np.power([sum(case.structures for case in family) for family in families], power)
    family = families[rng.choice(len(families), p=weights / weights.sum())]
    return family[rng.integers(len(family))]


def _random_inside(rng: np.random.Generator, size: int) -> np.ndarray:
    """Now and then a volume that does not fill its tile along one axis."""
    inside = np.ones((size,) * 3, bool)
    if rng.random() < 0.25:
        lost = int(rng.integers(2, size // 2))
        half = lost // 2
        line = np.zeros(size, bool)
        line[half : size - (lost - half)] = True
        axis = int(rng.integers(3))
        inside &= line.reshape([-1 if a == axis else 1 for a in range(3)])
    return inside


def choose_targets(rng: np.random.Generator, labels: np.ndarray, count: int, framed: int = 0) -> Optional[np.ndarray]:
    """`count` targets (count, n, n, n) bool: labels, unions of adjacent ones, components, parts; None if nothing fits.

    A target has at least `_SMALLEST` voxels and fills at most `_FULLEST` of the crop. The label that the crop was
    `framed` for comes first, if it fits; the others are drawn at random.
    """
    values, sizes = np.unique(labels, return_counts=True)
    fits = [int(v) for v, s in zip(values, sizes) if _SMALLEST <= s <= _FULLEST * labels.size]
    foreground = [v for v in fits if v != 0]
    if not foreground:
        return None
    order = [int(v) for v in rng.permutation(foreground)]
    if framed in foreground:
        order = [framed, *(v for v in order if v != framed)]
    targets = []
    for value in order[:count]:
        mask = labels == value
        if len(foreground) > 1 and rng.random() < 0.1:
            beside = np.intersect1d(labels[ndimage.binary_dilation(mask) & ~mask], foreground)
            mask |= labels == rng.choice(beside if len(beside) else [value])
        if rng.random() < 0.7:
            mask = _largest_component(mask)
        if rng.random() < _PARTS:
            mask = part_of(rng, mask)
        if _SMALLEST <= mask.sum() <= _FULLEST * labels.size:
            targets.append(mask)
    if not targets:
        return None
    while len(targets) < count:
        targets.append(targets[rng.integers(len(targets))])
    return np.stack(targets)


def _largest_component(mask: np.ndarray) -> np.ndarray:
    components, count = ndimage.label(mask, np.ones((3, 3, 3)))
    if count < 2:
        return mask
    sizes = np.bincount(components.ravel())
    return components == 1 + int(sizes[1:].argmax())


def part_of(rng: np.random.Generator, mask: np.ndarray) -> np.ndarray:
    """A part of `mask`, both bool (n, n, n), that no edge bounds, since users want parts, too.

    What lies beyond a random plane, between two, or within a ball around one of its voxels; `mask` must not be empty.
    """
    places = np.argwhere(mask)
    kind = rng.random()
    if kind < 0.5:
        along = places @ rng.standard_normal(3)
        kept = along > np.quantile(along, rng.uniform(0.3, 0.7))
    elif kind < 0.75:
        along = places @ rng.standard_normal(3)
        first, share = rng.uniform(0, 0.8), rng.uniform(0.15, 0.5)
        low, high = np.quantile(along, [first, min(1.0, first + share)])
        kept = (along >= low) & (along <= high)
    else:
        away = np.square(places - places[rng.integers(len(places))]).sum(1)
        kept = away <= np.quantile(away, rng.uniform(0.05, 0.4))
    part = np.zeros_like(mask)
    part[tuple(places[kept].T)] = True
    return part


class EndlessSampler(Sampler):
    """Every `stride`th index from `start` on, for ever: resuming at the same index resumes the same stream."""

    def __init__(self, start: int = 0, stride: int = 1) -> None:
        self.start, self.stride = start, stride

    def __iter__(self) -> Iterator[int]:
        return itertools.count(self.start, self.stride)
