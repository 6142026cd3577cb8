import csv

import numpy as np
import pytest

from Fast3DSAM.Logic.errors import VolumeFileError
from Fast3DSAM.Logic.training import cases
from Fast3DSAM.Logic.training.cases import DRAWN, find_cases, load_case
from Fast3DSAM.Logic.training.semantics import CLASSES
from Fast3DSAM.Logic.volume_files import read_volume


def _index(folder, roles):
    with (folder / "INDEX.tsv").open("w", newline="") as file:
        writer = csv.writer(file, delimiter="\t")
        writer.writerow(["name", "role", "region", "modality"])
        writer.writerows([f"case{number}_{role}", role, "knee", "MR"] for number, role in enumerate(roles))


def test_only_training_cases_and_label_maps_are_found(tmp_path):
    _index(tmp_path, ["train", "val", "test", "labels", "images", "train", "Test", ""])
    pairs, maps, images, _ = find_cases(tmp_path)
    assert [c.name for c in pairs] == ["case0_train", "case5_train"] and [c.name for c in maps] == ["case3_labels"]
    assert [c.name for c in images] == ["case4_images"] and images[0].label_path is None
    assert pairs[0].label_path == tmp_path / "pairs" / "case0_train" / "label.nii.gz"
    assert maps[0].image_path is None and maps[0].family == "knee"


def test_an_image_that_shows_more_of_a_body_counts_more(tmp_path):
    rows = [["torso", "350x350x150", "1.0x1.0x2.0"], ["head", "100x100x100", "1.6x1.6x1.6"], ["unknown", "", ""]]
    with (tmp_path / "INDEX.tsv").open("w", newline="") as file:
        writer = csv.writer(file, delimiter="\t")
        writer.writerow(["name", "role", "region", "modality", "shape", "spacing"])
        writer.writerows([name, "images", name, "CT", shape, spacing] for name, shape, spacing in rows)
    images = find_cases(tmp_path).images
    assert [(case.family, case.structures) for case in images] == [("CT torso", 37), ("CT head", 4), ("CT unknown", 1)]


def test_a_shape_that_is_none_is_quoted(tmp_path):
    (tmp_path / "INDEX.tsv").write_text("name\trole\tshape\tspacing\nhead\timages\tlarge\t1x1x1\n")
    with pytest.raises(VolumeFileError, match="gives head the shape 'large'.*write both like"):
        find_cases(tmp_path)


def test_no_real_case_of_another_role_is_trained_on(data_folder):
    with (data_folder / "INDEX.tsv").open(newline="") as file:
        roles = {row["name"]: row["role"] for row in csv.DictReader(file, delimiter="\t")}
    pairs, maps, images, drawn = find_cases(data_folder)
    assert pairs and {roles[case.name] for case in pairs} == {"train"}
    drawings = {case.name for case in (*pairs, *drawn) if case.label_path.parent == DRAWN}
    assert {case.name for case in maps if roles[case.name] != "labels"} == drawings
    assert {roles[case.name] for case in drawn} == {"images"} and drawings > {case.name for case in drawn}
    assert images and {roles[case.name] for case in images} == {"images"}


def test_a_folder_without_an_index_says_what_is_wanted(tmp_path):
    with pytest.raises(VolumeFileError, match="INDEX.tsv.*columns name, role"):
        find_cases(tmp_path)


def test_an_image_that_the_project_drew_on_is_a_pair_and_a_label_map_too(tmp_path, monkeypatch):
    (tmp_path / "drawn").mkdir()
    (tmp_path / "drawn" / "case1_images.nii.gz").touch()
    monkeypatch.setattr(cases, "DRAWN", tmp_path / "drawn")
    _index(tmp_path, ["images", "images"])
    _, maps, images, drawn = find_cases(tmp_path)
    assert [case.name for case in images] == ["case0_images", "case1_images"]
    assert [(case.name, case.family) for case in drawn] == [("case1_images", "drawn MR")]
    assert drawn[0].label_path == maps[0].label_path and drawn[0].image_path == images[1].image_path
    assert [case.kind for case in (*drawn, *maps)] == [("drawn MR", True), ("drawn MR", False)]


def test_a_pair_that_the_project_drew_on_is_one_more_pair(tmp_path, monkeypatch):
    (tmp_path / "drawn").mkdir()
    (tmp_path / "drawn" / "case0_train.nii.gz").touch()
    table = "value\tname\timages\n1\tlung\tcase0_train other\n2\trib\tcase0_train\n"
    (tmp_path / "drawn" / "labels.tsv").write_text(table)
    monkeypatch.setattr(cases, "DRAWN", tmp_path / "drawn")
    _index(tmp_path, ["train", "train"])
    pairs, maps, _, drawn = find_cases(tmp_path)
    assert [(case.name, case.family) for case in pairs] == [
        ("case0_train", "case0"),
        ("case0_train", "drawn MR case0"),
        ("case1_train", "case1"),
    ]
    assert pairs[0].image_path == pairs[1].image_path and pairs[0].label_path != pairs[1].label_path
    assert [case.label_path for case in maps] == [pairs[1].label_path] and not drawn
    assert pairs[1].structures == maps[0].structures == 2


def test_each_drawn_label_lies_on_its_image_and_has_a_name(data_folder):
    with (DRAWN / "labels.tsv").open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    found = find_cases(data_folder)
    drawn = [case for case in (*found.pairs, *found.drawn) if case.label_path.parent == DRAWN]
    assert len(drawn) == len(list(DRAWN.glob("*.nii.gz")))
    values = {row["name"]: int(row["value"]) for row in rows}
    for case in drawn:
        drawing, image = read_volume(case.label_path), read_volume(case.image_path)
        assert drawing.voxels.shape == image.voxels.shape
        for name in ("origin", "spacing", "direction"):
            np.testing.assert_allclose(getattr(drawing.grid, name), getattr(image.grid, name), atol=1e-6)
        loaded = load_case(case)
        assert set(loaded.boxes) == {int(row["value"]) for row in rows if case.name in row["images"].split()}
        assert case.structures == len(loaded.boxes)
        if case.family == "drawn CT":
            liver = (loaded.labels == values["liver"]).sum()
            assert 0.8 < liver * loaded.spacing.prod() / 1e6 < 3  # litres


def test_drawn_structures_of_a_kind_are_one_class():
    with (DRAWN / "labels.tsv").open(newline="") as file:
        values = {row["name"]: int(row["value"]) for row in csv.DictReader(file, delimiter="\t")}
    assert len(set(values.values())) == len(values)
    classes = {name: (value - 1) % (CLASSES - 1) for name, value in values.items()}
    assert classes["kidney_left"] == classes["kidney_right"] != classes["liver"]
    assert len({classes[name] for name in values if name.startswith("vertebra_")}) == 1
