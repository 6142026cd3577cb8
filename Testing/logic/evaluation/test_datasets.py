from __future__ import annotations

import json
import pickle
import shutil

import numpy as np
import pytest

from Fast3DSAM.Logic.errors import VolumeFileError
from Fast3DSAM.Logic.evaluation.datasets import find_cases
from Testing.logic.evaluation.conftest import labelled_volume, write


def ids(dataset):
    return [case.id for case in dataset.cases]


@pytest.fixture
def pair():
    return labelled_volume()


def put(pair, image, label):
    write(pair[0], image)
    write(pair[1], label)


def test_images_beside_labels(pairs):
    dataset = find_cases(pairs)
    assert ids(dataset) == ["a", "b"]
    assert dataset.cases[0].image_path == pairs / "images" / "a.nii.gz"
    assert dataset.cases[0].label_path == pairs / "labels" / "a.nii.gz"


def test_one_folder_per_case_and_files_with_a_suffix(pair, tmp_path):
    put(pair, tmp_path / "one" / "x" / "image.nrrd", tmp_path / "one" / "x" / "seg.nrrd")
    assert ids(find_cases(tmp_path / "one")) == ["x"]
    put(pair, tmp_path / "two" / "p_image.mha", tmp_path / "two" / "p_label.nii.gz")
    put(pair, tmp_path / "two" / "q.nii", tmp_path / "two" / "q-seg.nii.gz")
    assert ids(find_cases(tmp_path / "two")) == ["p", "q"]


def test_an_index_is_filtered_by_role_and_names_the_labels(pair, tmp_path):
    rows = ["name\trole\tlabels", "c1\tval\t1=liver(10); 2=left lung(20)", "c2\ttest\t1=liver(10)", "c3\tval\t1=x(1)"]
    (tmp_path / "INDEX.tsv").write_text("\n".join(rows) + "\n")
    for name in ("c1", "c2"):
        put(pair, tmp_path / "pairs" / name / "image.nii.gz", tmp_path / "pairs" / name / "label.nii.gz")
    dataset = find_cases(tmp_path)
    assert ids(dataset) == ["c1"] and dataset.cases[0].label_names == ((1, "liver"), (2, "left lung"))
    assert len(dataset.remarks) == 1 and dataset.remarks[0].startswith("c3")
    assert ids(find_cases(tmp_path, role="test")) == ["c2"]
    with pytest.raises(VolumeFileError, match="train"):
        find_cases(tmp_path, role="train")


def test_an_nnunet_data_set_uses_channel_0000(pair, tmp_path):
    for channel in ("0000", "0001"):
        write(pair[0], tmp_path / "imagesTr" / f"case_1_{channel}.nii.gz")
    write(pair[1], tmp_path / "labelsTr" / "case_1.nii.gz")
    write(pair[1], tmp_path / "labelsTr" / "case_2.nii.gz")
    description = {"labels": {"background": 0, "liver": 1, "whole": [1, 2]}, "numTraining": 2}
    (tmp_path / "dataset.json").write_text(json.dumps(description))
    dataset = find_cases(tmp_path)
    assert ids(dataset) == ["case_1"] and dataset.cases[0].image_path.name == "case_1_0000.nii.gz"
    assert dataset.cases[0].label_names == ((1, "liver"),)
    assert len(dataset.remarks) == 2


def test_a_decathlon_data_set_lists_its_pairs(pair, tmp_path):
    put(pair, tmp_path / "imagesTr" / "s1.nii.gz", tmp_path / "labelsTr" / "s1.nii.gz")
    rows = [{"image": f"./imagesTr/{n}.nii.gz", "label": f"./labelsTr/{n}.nii.gz"} for n in ("s1", "s2")]
    (tmp_path / "dataset.json").write_text(json.dumps({"labels": {"0": "background", "1": "a"}, "training": rows}))
    dataset = find_cases(tmp_path)
    assert ids(dataset) == ["s1"] and dataset.cases[0].label_names == ((1, "a"),) and len(dataset.remarks) == 1


@pytest.mark.parametrize("prefix", ["", "NAME/", "/elsewhere/NAME/", "D:\\data\\NAME\\"])
def test_the_papers_layout_is_read_wherever_its_paths_came_from(pair, tmp_path, prefix):
    folder = tmp_path / "NAME"
    for name in ("t1", "t2"):
        put(pair, folder / "imagesTr" / f"{name}.nii.gz", folder / "labelsTr" / f"{name}.nii.gz")
    paths = {n: (f"{prefix}imagesTr/{n}.nii.gz", f"{prefix}labelsTr/{n}.nii.gz") for n in ("t1", "t2", "absent")}
    folds = [{"train": {}, "val": {}}, {"train": {"t1": paths["t1"]}, "val": {n: paths[n] for n in ("t2", "absent")}}]
    (folder / "split.pkl").write_bytes(pickle.dumps(folds))
    dataset = find_cases(folder, fold=1)
    assert ids(dataset) == ["t2"] and len(dataset.remarks) == 1
    assert ids(find_cases(folder, fold=1, split="train")) == ["t1"]
    with pytest.raises(VolumeFileError, match="fold 7"):
        find_cases(folder, fold=7)


def test_a_folder_without_pairs_is_refused_with_a_remedy(tmp_path):
    with pytest.raises(VolumeFileError, match=r"images/X\.nii\.gz"):
        find_cases(tmp_path)
    with pytest.raises(VolumeFileError, match="not a folder"):
        find_cases(tmp_path / "none")


def test_a_role_without_an_index_is_refused(pairs):
    with pytest.raises(VolumeFileError, match="INDEX.tsv"):
        find_cases(pairs, role="val")


def test_hidden_and_other_files_are_no_cases(pairs):
    shutil.copy(pairs / "images" / "a.nii.gz", pairs / "images" / "._a.nii.gz")
    (pairs / "labels" / "notes.txt").write_text("x")
    assert ids(find_cases(pairs)) == ["a", "b"]


def test_the_projects_own_data_folder_has_validation_cases(data_folder):
    dataset = find_cases(data_folder)
    assert len(dataset.cases) == len(set(ids(dataset))) > 10 and not dataset.remarks
    assert not set(ids(dataset)) & set(ids(find_cases(data_folder, role="test")))
    assert all(np.array([v for v, _ in c.label_names]).min() > 0 for c in dataset.cases)
