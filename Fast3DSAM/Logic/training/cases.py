"""Training cases on disk, and crops of them at any scale and pose."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Tuple

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from ..errors import VolumeFileError
from ..evaluation.pairs import read_pair
from ..volume_files import read_volume
from .fields import random_rotation, smooth_noise

DRAWN = Path(__file__).parent / "drawn"  # what images came without labels for; its README.md says how it was made

# How long a label is in a crop, in shares of its edge. The session frames an object at 0.3 to 0.75 of its tile; small
# ones are met on the coarse levels that compete for a first click, pieces of large ones where they are drawn anew.
_SHARES, _SHARE_WEIGHTS = ((0.08, 0.35), (0.35, 0.95), (0.95, 2.2)), (0.3, 0.5, 0.2)


@dataclass(frozen=True)
class TrainingCase:
    """A label map, an image, or both. `family` groups cases that look alike, so that none dominates.

    `structures` is about how many objects it shows, as far as that is known without opening it.
    """

    name: str
    family: str
    label_path: Optional[Path]
    image_path: Optional[Path]
    structures: int = 1

    @property
    def kind(self) -> Tuple[str, bool]:
        """Cases of one kind mean the same by a label value: the family, and whether there are images."""
        return self.family, self.image_path is not None


class LoadedCase(NamedTuple):
    """`labels` (k, j, i) integers, `image` at full size or None, `spacing` mm, `boxes` value -> slices."""

    labels: np.ndarray
    image: Optional[np.ndarray]
    spacing: np.ndarray
    boxes: Dict[int, Tuple[slice, slice, slice]]
    is_labelled: bool = True


class Crop(NamedTuple):
    """`labels` (n, n, n), `image` (n, n, n) or None, `inside`: where the volume is; `framed` for that label."""

    labels: np.ndarray
    image: Optional[np.ndarray]
    inside: np.ndarray
    framed: int = 0


class FoundCases(NamedTuple):
    """`pairs` of role `train`, label `maps` of role `labels`, `images` of role `images`.

    `drawn` are those images of role `images` for which the project has labels of its own, in `DRAWN`. Where it has
    some for images of pairs, these are further pairs, of families of their own. All of them serve as maps, too.
    """

    pairs: List[TrainingCase]
    maps: List[TrainingCase]
    images: List[TrainingCase]
    drawn: List[TrainingCase]


def find_cases(folder: Path) -> FoundCases:
    """The cases that `folder`/INDEX.tsv lists for training; no other role."""
    index = Path(folder) / "INDEX.tsv"
    if not index.is_file():
        raise VolumeFileError(f"There is no {index}; give a data folder with an INDEX.tsv (columns name, role).")
    found = FoundCases([], [], [], [])
    with index.open(newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            name, family = row["name"], row["name"].split("_")[0]
            structures = max(1, row.get("labels", "").count("="))
            if row["role"] == "train":
                base = index.parent / "pairs" / name
                path = base / "image.nii.gz"
                found.pairs.append(TrainingCase(name, family, base / "label.nii.gz", path, structures))
                _add_drawn(found.pairs, found.maps, name, f"drawn {row.get('modality', '')} {family}", path)
            elif row["role"] == "labels":
                path = index.parent / "labels" / name / "label.nii.gz"
                found.maps.append(TrainingCase(name, row["region"], path, None, structures))
            elif row["role"] == "images":
                path = index.parent / "images" / name / "image.nii.gz"
                kind = f"{row.get('modality', '')} {row.get('region', '')}"
                found.images.append(TrainingCase(name, kind, None, path, max(1, round(_litres(row)))))
                _add_drawn(found.drawn, found.maps, name, f"drawn {row.get('modality', '')}", path)
    return found


def _add_drawn(cases: List[TrainingCase], maps: List[TrainingCase], name: str, family: str, image_path: Path) -> None:
    """One more case, with its image, and one more map, if the project has labels of its own for the image `name`."""
    drawn = DRAWN / f"{name}.nii.gz"
    if drawn.is_file():
        structures = max(1, _drawn_structures(DRAWN)[name])
        cases.append(TrainingCase(name, family, drawn, image_path, structures))
        maps.append(TrainingCase(name, family, drawn, None, structures))


@lru_cache(maxsize=1)
def _drawn_structures(folder: Path) -> Counter:
    """How many structures are drawn in each image, by its name."""
    index = folder / "labels.tsv"
    if not index.is_file():
        return Counter()
    with index.open(newline="") as file:
        return Counter(name for row in csv.DictReader(file, delimiter="\t") for name in row["images"].split())


def _litres(row: Dict[str, str]) -> float:
    """How much of a body an image shows, since a torso has more to click on than a head; 0 if the index is silent.

    By the index's columns `shape` (voxels) and `spacing` (mm), each like 256x256x41. Raises `VolumeFileError`.
    """
    texts = [row.get(key) or "0" for key in ("shape", "spacing")]
    try:
        return float(np.prod([float(value) for text in texts for value in text.split("x")])) / 1e6
    except ValueError as error:
        raise VolumeFileError(
            f"INDEX.tsv gives {row['name']} the shape {texts[0]!r} and spacing {texts[1]!r}; "
            "write both like 256x256x41."
        ) from error


@lru_cache(maxsize=None)
def load_case(case: TrainingCase) -> LoadedCase:
    """Reads and keeps a case; the whole training data fits into memory."""
    if case.label_path is None:
        volume = read_volume(case.image_path)
        whole = tuple(slice(0, n) for n in volume.voxels.shape)
        return LoadedCase(
            np.ones(volume.voxels.shape, np.uint8), volume.voxels, np.array(volume.geometry.spacing), {1: whole}, False
        )
    if case.image_path is None:
        image, voxels = sitk.ReadImage(str(case.label_path)), None
        labels = np.rint(sitk.GetArrayFromImage(image)).astype(np.int16)
        spacing = np.array(image.GetSpacing()[::-1])
    else:
        pair = read_pair(case.image_path, case.label_path)
        labels, voxels = pair.labels.astype(np.int16), pair.voxels
        spacing = np.array(pair.geometry.spacing)
    values = [int(v) for v in np.unique(labels) if v > 0]
    found = ndimage.find_objects(labels)
    boxes = {v: found[v - 1] for v in values}
    return LoadedCase(labels, voxels, spacing, boxes)


@lru_cache(maxsize=256)
def _shrunken(case: TrainingCase, factors: Tuple[int, int, int]) -> np.ndarray:
    image = sitk.GetImageFromArray(load_case(case).image)
    return sitk.GetArrayFromImage(sitk.BinShrink(image, [int(f) for f in factors[::-1]]))


def random_crop(rng: np.random.Generator, case: TrainingCase, size: int) -> Optional[Crop]:
    """A crop around a random label of the case, at a scale at which it fills a tenth of the crop or reaches beyond it.

    Turned, mirrored, stretched and warped at random, as another patient might lie. None if the case has no label.
    """
    loaded = load_case(case)
    if not loaded.boxes:
        return None
    value = int(rng.choice(list(loaded.boxes)))
    box = loaded.boxes[value]
    extent = np.array([s.stop - s.start for s in box]) * loaded.spacing
    voxel_mm = extent.max() / (size * _share_of_crop(rng, loaded.is_labelled))
    whole = (np.array(loaded.labels.shape) * loaded.spacing).max()
    voxel_mm = float(np.clip(voxel_mm, 0.4 * loaded.spacing.min(), 1.05 * whole / size))
    if loaded.is_labelled:
        inside_box = np.argwhere(loaded.labels[box] == value)
        chosen = inside_box[rng.integers(len(inside_box))] + [s.start for s in box]
    else:
        chosen = rng.integers(loaded.labels.shape)
    centre = np.array([(s.start + s.stop - 1) / 2 for s in box])
    toward = rng.random() if rng.random() < 0.7 else 1.0
    centre = chosen + toward * (centre - chosen) + rng.uniform(-size / 8, size / 8, 3) * voxel_mm / loaded.spacing
    if rng.random() < 0.5:  # as the session does: a tile stays inside the volume where it can
        half = size / 2 * voxel_mm / loaded.spacing
        shape = np.array(loaded.labels.shape)
        centre = np.where(2 * half >= shape, (shape - 1) / 2, np.clip(centre, half, shape - 1 - half))
    return _sampled(rng, case, centre, voxel_mm, size)._replace(framed=value)


def _share_of_crop(rng: np.random.Generator, is_labelled: bool = True) -> float:
    """How much of the crop's edge the label is long; above 1 the crop shows a piece of it, as refining tiles do.

    An image without labels is one object as large as itself, and is shown whole or in pieces.
    """
    if not is_labelled:
        return float(np.exp(rng.uniform(0, np.log(6))))
    smallest, largest = _SHARES[rng.choice(len(_SHARES), p=_SHARE_WEIGHTS)]
    return float(np.exp(rng.uniform(np.log(smallest), np.log(largest))))


def _sampled(rng, case: TrainingCase, centre: np.ndarray, voxel_mm: float, size: int) -> Crop:
    loaded = load_case(case)
    axis = (np.arange(size) - (size - 1) / 2).astype(np.float32)
    pose = np.eye(3)[rng.permutation(3)] * rng.choice([-1, 1], 3)[:, None] if rng.random() < 0.3 else np.eye(3)
    if rng.random() < 0.3:
        pose = pose @ random_rotation(rng, 0.5)
    pose = pose @ np.diag(np.exp(rng.normal(0, 0.08, 3)))
    grid = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"))
    if rng.random() < 0.4:
        feature = rng.uniform(12, 32)
        grid = grid + smooth_noise(rng, size, feature, 3) * rng.uniform(0, 0.08) * feature
    matrix = (pose * voxel_mm / loaded.spacing[:, None]).astype(np.float32)
    at = np.tensordot(matrix, grid, 1) + centre.astype(np.float32)[:, None, None, None]
    shape = np.array(loaded.labels.shape)[:, None, None, None]
    inside = ((at >= -0.5) & (at <= shape - 0.5)).all(0)
    nearest = np.clip(np.rint(at), 0, shape - 1).astype(np.intp)
    labels = np.where(inside, loaded.labels[tuple(nearest)], 0)
    image = None
    if loaded.image is not None:
        step = np.abs(matrix).max(1)
        factors = tuple(int(2 ** np.floor(np.log2(max(1, min(s, n // 2))))) for s, n in zip(step, loaded.labels.shape))
        source = _shrunken(case, factors) if max(factors) > 1 else loaded.image
        scale = np.array(factors, np.float32)[:, None, None, None]
        image = ndimage.map_coordinates(source, (at + 0.5) / scale - 0.5, order=1, mode="nearest")
    return Crop(labels, image, inside)
