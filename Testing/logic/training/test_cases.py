import csv

import pytest

from Fast3DSAM.Logic.errors import VolumeFileError
from Fast3DSAM.Logic.training.cases import find_cases


def _index(folder, roles):
    with (folder / "INDEX.tsv").open("w", newline="") as file:
        writer = csv.writer(file, delimiter="\t")
        writer.writerow(["name", "role", "region", "modality"])
        writer.writerows([f"case{number}_{role}", role, "knee", "MR"] for number, role in enumerate(roles))


def test_only_training_cases_and_label_maps_are_found(tmp_path):
    _index(tmp_path, ["train", "val", "test", "labels", "images", "train", "Test", ""])
    pairs, maps, images = find_cases(tmp_path)
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
    pairs, maps, images = find_cases(data_folder)
    assert pairs and {roles[case.name] for case in pairs} == {"train"}
    assert maps and {roles[case.name] for case in maps} == {"labels"}
    assert images and {roles[case.name] for case in images} == {"images"}


def test_a_folder_without_an_index_says_what_is_wanted(tmp_path):
    with pytest.raises(VolumeFileError, match="INDEX.tsv.*columns name, role"):
        find_cases(tmp_path)
