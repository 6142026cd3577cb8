"""Files that lie: what a browser sends is refused in one sentence before anything is unpacked or allocated."""

import gzip
import struct

import numpy as np
import pytest
import SimpleITK as sitk

from Fast3DSAM.Logic.errors import VolumeFileError
from Fast3DSAM.Logic.volume_files import read_volume
from Testing.web.dicom import write_series

uploads = pytest.importorskip("Fast3DSAM.Widgets.web.uploads", exc_type=ImportError)
MANY = 1 << 20
SUFFIXES = [".nii", ".nii.gz", ".nrrd", ".mha"]


def written(path, shape=(4, 5, 6)):
    sitk.WriteImage(sitk.GetImageFromArray(np.arange(np.prod(shape), dtype=np.int16).reshape(shape)), str(path))
    return path


def refusal(path, limit=MANY):
    with pytest.raises(VolumeFileError) as caught:
        uploads.check_volume_file(path, limit)
    return str(caught.value)


def nifti_header(size, bits=16, offset=352.0):
    header = bytearray(352)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, len(size), *size, *[1] * (7 - len(size)))
    struct.pack_into("<h", header, 72, bits)
    struct.pack_into("<f", header, 108, offset)
    return bytes(header)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_honest_file_passes_and_can_be_read(tmp_path, suffix):
    path = written(tmp_path / f"ct{suffix}")
    assert uploads.checked_upload([path], tmp_path, MANY) == path
    assert read_volume(path).voxels.shape == (4, 5, 6)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_volume_of_too_many_voxels_is_refused(tmp_path, suffix):
    assert "6 x 5 x 4 voxels" in refusal(written(tmp_path / f"ct{suffix}"), 119)


def test_what_is_no_gzip_file_is_refused_in_plain_words(tmp_path):
    path = tmp_path / "ct.nii.gz"
    path.write_bytes(b"no volume at all" * 40)
    assert refusal(path) == "'ct.nii.gz' is no gzip file, whatever its name says; send or save it again."


@pytest.mark.parametrize("suffix", [".nii", ".nrrd", ".mha"])
def test_a_file_cut_short_is_refused(tmp_path, suffix):
    path = written(tmp_path / f"ct{suffix}")
    content = path.read_bytes()
    path.write_bytes(content[:-180])
    assert "shorter than its header says" in refusal(path)


def test_a_gzip_bomb_is_counted_no_further_than_its_header_allows(tmp_path, monkeypatch):
    path = tmp_path / "bomb.nii.gz"
    with gzip.open(path, "wb") as file:
        file.write(nifti_header((8, 8, 8)))
        for _ in range(64):
            file.write(bytes(1 << 20))
    unpacked = []
    real = gzip.GzipFile.read
    monkeypatch.setattr(gzip.GzipFile, "read", lambda self, n=-1: unpacked.append(real(self, n)) or unpacked[-1])
    assert "more or less than its header says" in refusal(path)
    assert sum(map(len, unpacked)) < 3 << 20


@pytest.mark.parametrize(
    "size, bits, offset",
    [((30000, 30000, 30000), 16, 352.0), ((0, 5, 5), 16, 352.0), ((-4, -5, 6), 16, 352.0), ((4, 5, 6), 0, 352.0)]
    + [((4, 5, 6), 16, -9.0), ((4, 5, 6), 16, 1e30)],
)
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_a_nifti_header_that_cannot_be_true_is_refused(tmp_path, size, bits, offset, suffix):
    path = tmp_path / f"lie{suffix}"
    content = nifti_header(size, bits, offset) + bytes(400)
    path.write_bytes(gzip.compress(content) if suffix.endswith("gz") else content)
    assert "lie" in refusal(path)


@pytest.mark.parametrize(
    "name, text",
    [
        ("a.nrrd", "NRRD0004\ntype: short\ndimension: 3\nsizes: 4 5 6\ndata file: /etc/passwd\n\n"),
        ("a.nrrd", "NRRD0004\ntype: short\ndimension: 3\nsizes: 4 5 6\nDATAFILE: ../../secret.raw\n\n"),
        ("a.mha", "NDims = 3\nDimSize = 4 5 6\nElementType = MET_SHORT\nElementDataFile = /etc/passwd\n"),
        ("a.mha", "NDims = 3\nDimSize = 4 5 6\nElementType = MET_SHORT\nElementDataFile = LIST\n"),
    ],
)
def test_a_header_that_points_to_another_file_is_refused(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text)
    assert "in another file" in refusal(path)


@pytest.mark.parametrize("sizes", ["9999999 9999999 9999999", "4 five 6", "", "0 4 5"])
def test_a_text_header_that_cannot_be_true_is_refused(tmp_path, sizes):
    path = tmp_path / "lie.nrrd"
    path.write_text(f"NRRD0004\ntype: short\ndimension: 3\nsizes: {sizes}\nencoding: gzip\n\n")
    assert "lie.nrrd" in refusal(path)


@pytest.mark.parametrize(
    "name, safe",
    [
        ("../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("/", "file"),
        ("..", "file"),
        (".bashrc", "bashrc"),
        ("a\x00b\nc.nii", "a_b_c.nii"),
        ('x"; rm -rf ~.nrrd', "x_ rm -rf _.nrrd"),
        ("ü" * 300 + ".nii.gz", "_.nii.gz"),
    ],
)
def test_names_lose_all_that_could_lead_elsewhere(tmp_path, name, safe):
    assert uploads.safe_name(name) == safe
    assert uploads.place_for(name, 0, tmp_path).resolve().parent == tmp_path.resolve()


def test_dicom_files_of_one_name_do_not_overwrite_each_other(tmp_path):
    assert len({uploads.place_for("IM0001.dcm", number, tmp_path) for number in range(3)}) == 3


def dicom_series(folder, count=3):
    written_files = write_series(folder, np.arange(count * 64).reshape(count, 8, 8))
    return [file.rename(uploads.place_for(file.stem, number, folder)) for number, file in enumerate(written_files)]


def test_a_dicom_disc_is_read_without_its_viewer(tmp_path):
    files = dicom_series(tmp_path)
    viewer = uploads.place_for("viewer.exe", 3, tmp_path)
    viewer.write_bytes(b"MZ" + bytes(500))
    assert uploads.checked_upload([*files, viewer], tmp_path, MANY) == tmp_path
    assert not viewer.exists()
    assert read_volume(tmp_path).voxels.shape == (3, 8, 8)


def test_dicom_files_of_too_many_voxels_are_refused(tmp_path):
    with pytest.raises(VolumeFileError, match="192 voxels"):
        uploads.checked_upload(dicom_series(tmp_path), tmp_path, 191)


def test_files_that_are_no_volume_are_refused_by_their_names(tmp_path):
    notes = uploads.place_for("notes.txt", 0, tmp_path)
    notes.write_text("hello")
    with pytest.raises(VolumeFileError, match="'notes.txt' is no volume"):
        uploads.checked_upload([notes], tmp_path, MANY)
    with pytest.raises(VolumeFileError, match="No file came"):
        uploads.checked_upload([], tmp_path, MANY)


def test_two_volumes_at_once_are_refused(tmp_path):
    with pytest.raises(VolumeFileError, match="one at a time"):
        uploads.checked_upload([written(tmp_path / "a.nii"), written(tmp_path / "b.nrrd")], tmp_path, MANY)
