"""Find image/label pairs: a folder's layout is recognised, its cases are listed in sorted order."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, List, Optional, Tuple

from ..errors import VolumeFileError
from .pairs import is_volume_file, stem
from .safe_pickle import read_plain_pickle

ROLES = ("train", "val", "test")
_LABEL_WORDS = ("label", "labels", "seg", "segmentation", "mask", "gt")
_IMAGE_WORDS = ("image", "img", "volume")
_LABEL_FOLDERS = {"imagesTr": "labelsTr", "imagesTs": "labelsTs", "images": "labels", "image": "label", "img": "mask"}


@dataclass(frozen=True)
class Case:
    """One image with its label map; `label_names` are the names that the data set gives to label values."""

    id: str
    image_path: Path
    label_path: Path
    label_names: Tuple[Tuple[int, str], ...] = ()


@dataclass(frozen=True)
class Target:
    """One structure to segment: the voxels of `case` whose label is `value`."""

    case: Case
    value: int
    name: str
    voxels: int


@dataclass(frozen=True)
class Dataset:
    """The cases of a folder, the layout that was recognised, and remarks on what was left out."""

    layout: str
    cases: Tuple[Case, ...]
    remarks: Tuple[str, ...] = field(default=())


def find_cases(folder: Path, role: Optional[str] = None, fold: int = 0, split: Optional[str] = None) -> Dataset:
    """The cases below `folder`, sorted by id.

    Layouts, the first that fits: `INDEX.tsv` with `pairs/NAME/{image,label}.nii.gz` (choose by `role`); `imagesTr`,
    `labelsTr` and `split.pkl` (`[fold][split]` -> {id: (image, label)}; `split` defaults to "val"); an nnU-Net or
    Decathlon `dataset.json`; `images*/` beside `labels*/`; one folder per case; `X_image` beside `X_label` or
    `X` beside `X_label`. Raises `VolumeFileError` where none fits or nothing is left.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise VolumeFileError(f"{folder} is not a folder; give the folder that holds the image/label pairs.")
    if (folder / "INDEX.tsv").is_file() and (folder / "pairs").is_dir():
        dataset = _indexed(folder, role or "val")
    elif role is not None:
        raise VolumeFileError(f"--role {role} needs an INDEX.tsv with a role column in {folder}; leave --role out.")
    elif (folder / "split.pkl").is_file():
        dataset = _split(folder, fold, split or "val")
    elif (folder / "dataset.json").is_file():
        dataset = _described(folder)
    else:
        dataset = Dataset("image/label pairs", tuple(_folders(folder) or _cases_of_folders(folder) or _flat(folder)))
    if not dataset.cases:
        raise VolumeFileError(
            f"No image/label pairs in {folder} (looked for: {dataset.layout}); name them images/X.nii.gz with "
            "labels/X.nii.gz, X_image.nii.gz with X_label.nii.gz, or X/image.nii.gz with X/label.nii.gz."
        )
    return Dataset(dataset.layout, tuple(sorted(dataset.cases, key=lambda c: c.id)), dataset.remarks)


def _indexed(folder: Path, role: str) -> Dataset:
    if role not in ROLES:
        raise VolumeFileError(f"There is no role {role!r} in {folder / 'INDEX.tsv'}; choose one of {', '.join(ROLES)}.")
    cases, remarks = [], []
    with open(folder / "INDEX.tsv", newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            if row["role"] != role:
                continue
            image, label = _in(folder / "pairs" / row["name"], _IMAGE_WORDS), None
            if image is not None:
                label = _in(folder / "pairs" / row["name"], _LABEL_WORDS)
            if image is None or label is None:
                remarks.append(f"{row['name']}: listed in INDEX.tsv, but its image or label file is absent")
                continue
            names = re.findall(r"(\d+)=([^;]*?)\(\d+\)", row["labels"])
            cases.append(Case(row["name"], image, label, tuple((int(v), n.strip()) for v, n in names)))
    return Dataset(f"INDEX.tsv, role {role}", tuple(cases), tuple(remarks))


def _split(folder: Path, fold: int, split: str) -> Dataset:
    table = read_plain_pickle(folder / "split.pkl")
    try:
        chosen = table[fold][split]
        rows = [(str(id), str(pair[0]), str(pair[1])) for id, pair in chosen.items()]
    except (LookupError, TypeError, AttributeError) as error:
        raise VolumeFileError(
            f"{folder / 'split.pkl'} has no fold {fold} with split {split!r} of the form {{id: (image, label)}}; "
            f"choose another --fold or --split (it begins {str(table)[:80]})."
        ) from error
    cases, remarks = [], []
    for id, image, label in rows:
        paths = _resolve(folder, image), _resolve(folder, label)
        if None in paths:
            remarks.append(f"{id}: {image if paths[0] is None else label} does not exist")
        else:
            cases.append(Case(id, *paths))
    return Dataset(f"split.pkl, fold {fold}, {split}", tuple(cases), tuple(remarks))


def _resolve(folder: Path, text: str) -> Optional[Path]:
    """A path of split.pkl: from the data set's folder, its parent, or where the last two parts of the path lie here."""
    parts = text.replace("\\", "/").split("/")
    for candidate in (folder / text, folder.parent / text, folder.joinpath(*parts[-2:])):
        if candidate.is_file():
            return candidate
    return None


def _described(folder: Path) -> Dataset:
    """nnU-Net: only channel 0000 is an image for us; Decathlon lists its pairs itself."""
    try:
        described = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
        names = _label_names(described.get("labels", {}))
        listed = described.get("training", [])
    except (ValueError, AttributeError) as error:
        raise VolumeFileError(
            f"{folder / 'dataset.json'} is not a data set description ({error}); repair it."
        ) from error
    if listed and isinstance(listed[0], dict):
        pairs = [(folder / row["image"], folder / row["label"]) for row in listed]
        cases = [
            Case(stem(label), image, label, names) for image, label in pairs if image.is_file() and label.is_file()
        ]
        absent = len(pairs) - len(cases)
        remarks = (f"{absent} pairs of dataset.json are absent",) if absent else ()
        return Dataset("dataset.json", tuple(cases), remarks)
    labels = _by_stem(folder / "labelsTr")
    images = _by_stem(folder / "imagesTr")
    cases = [Case(s, images[f"{s}_0000"], path, names) for s, path in labels.items() if f"{s}_0000" in images]
    others = sum(1 for s in images if re.search(r"_\d{4}$", s) and not s.endswith("_0000"))
    remarks = [f"{others} images of further channels (only channel 0000 is used)"] if others else []
    if len(cases) < len(labels):
        remarks.append(f"{len(labels) - len(cases)} labels without an image of channel 0000")
    return Dataset("nnU-Net", tuple(cases), tuple(remarks))


def _label_names(labels: Dict) -> Tuple[Tuple[int, str], ...]:
    """{"liver": 1} (nnU-Net 2) and {"1": "liver"} (Decathlon, nnU-Net 1); regions (lists) have no one value."""
    names: List[Tuple[int, str]] = []
    for key, value in labels.items():
        if isinstance(value, int):
            names.append((value, str(key)))
        elif str(key).isdigit():
            names.append((int(key), str(value)))
    return tuple(n for n in names if n[0] != 0)


def _folders(folder: Path) -> List[Case]:
    """`images/X` with `labels/X`; an image may carry nnU-Net's channel number."""
    cases: List[Case] = []
    for image_folder, label_folder in _LABEL_FOLDERS.items():
        images, labels = _by_stem(folder / image_folder), _by_stem(folder / label_folder)
        for id, label in labels.items():
            image = images.get(id) or images.get(f"{id}_0000")
            if image is not None:
                cases.append(Case(id, image, label))
    return cases


def _cases_of_folders(folder: Path) -> List[Case]:
    """`X/image` with `X/label`."""
    cases = []
    for sub in sorted(p for p in folder.iterdir() if p.is_dir()):
        image, label = _in(sub, _IMAGE_WORDS), _in(sub, _LABEL_WORDS)
        if image is not None and label is not None:
            cases.append(Case(sub.name, image, label))
    return cases


def _flat(folder: Path) -> List[Case]:
    """`X_image` with `X_label`, or `X` with `X_label`; the words of `_LABEL_WORDS` all mean label."""
    files, cases = _by_stem(folder), []
    for name, label in files.items():
        match = re.fullmatch(rf"(.+)[-_.]({'|'.join(_LABEL_WORDS)})", name, re.IGNORECASE)
        if match is None:
            continue
        wanted = [match[1], *(f"{match[1]}{separator}{w}" for w in _IMAGE_WORDS for separator in "_-.")]
        image = next((files[w] for w in wanted if w in files), None)
        if image is not None:
            cases.append(Case(match[1], image, label))
    return cases


def _by_stem(folder: Path) -> Dict[str, Path]:
    if not folder.is_dir():
        return {}
    return {stem(p): p for p in sorted(folder.iterdir()) if is_volume_file(p)}


def _in(folder: Path, words: Tuple[str, ...]) -> Optional[Path]:
    files = _by_stem(folder)
    return next((files[w] for w in words if w in files), None)
