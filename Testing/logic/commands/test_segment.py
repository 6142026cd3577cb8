import re
import subprocess
import sys

import numpy as np
import pytest
import SimpleITK as sitk
from PIL import Image
from typer.testing import CliRunner

from Fast3DSAM.Logic.commands import app
from Fast3DSAM.Logic.session import InteractiveSession
from Fast3DSAM.Logic.volume_files import read_volume


def call(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments], prog_name="fast3dsam")


def triple(values):
    return ",".join(f"{v:.6f}" for v in values)


@pytest.fixture
def centre(volume_path):
    """The ball's centre in RAS millimetres."""
    return read_volume(volume_path).geometry.kji_to_ras((10, 12, 14))


def test_a_segment_and_a_picture_are_written(volume_path, tiny_weights, centre, tmp_path):
    result = call(
        "segment", volume_path, "--foreground", triple(centre), "--background", triple(centre + (0, 0, 14)),
        "--output", tmp_path / "ball.nii.gz", "--picture", tmp_path / "ball.png", "--weights", tiny_weights,
        "--device", "cpu",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    source, written = sitk.ReadImage(str(volume_path)), sitk.ReadImage(str(tmp_path / "ball.nii.gz"))
    assert written.GetSize() == source.GetSize() and written.GetPixelID() == sitk.sitkUInt8
    np.testing.assert_allclose(written.GetDirection(), source.GetDirection(), atol=1e-6)
    np.testing.assert_allclose(written.GetOrigin(), source.GetOrigin(), atol=1e-4)
    assert set(np.unique(sitk.GetArrayFromImage(written))) <= {0, 1}
    assert Image.open(tmp_path / "ball.png").size[0] > 800
    assert re.search(r"Embedded 28 x 24 x 20 voxels \(i, j, k\) in \d+\.\d\d s", result.output)
    assert len(re.findall(r"│ \d +│ (?:fore|back)ground │ \S+ +│ \d+\.\d{3} +│", result.output)) == 2


def test_the_file_holds_what_the_session_says_in_every_space(volume_path, tiny_weights, centre, tmp_path):
    volume = read_volume(volume_path)
    session = InteractiveSession.local("cpu", tiny_weights)
    session.set_volume(volume.voxels, geometry=volume.geometry)
    expected = session.add_point((10, 12, 14)).mask
    places = {"ras": centre, "lps": centre * (-1, -1, 1), "ijk": (14, 12, 10)}
    for space, place in places.items():
        path = tmp_path / f"{space}.nrrd"
        result = call("segment", volume_path, "--foreground", triple(place), "--space", space, "--output", path,
                      "--weights", tiny_weights, "--device", "cpu")  # fmt: skip
        assert result.exit_code == 0, result.output
        np.testing.assert_array_equal(read_volume(path).voxels.astype(bool), expected)


def test_clicks_count_in_the_order_of_the_command_line(volume_path, tiny_weights, tmp_path):
    result = call(
        "segment", volume_path, "--background", "1,2,3", "--foreground", "14,12,10", "--background=4,5,6",
        "--foreground", "13,12,10", "--space", "ijk", "--output", tmp_path / "o.nrrd", "--weights", tiny_weights,
        "--device", "cpu",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    clicks = re.findall(r"(foreground|background) │ (\S+)", result.output)
    assert clicks == [
        ("background", "1,2,3"), ("foreground", "14,12,10"), ("background", "4,5,6"), ("foreground", "13,12,10"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"volume": "nowhere.nii.gz"}, "nowhere.nii.gz"),
        ({"--foreground": "1,2"}, "three numbers"),
        ({"--foreground": "1000,0,0"}, "outside the volume"),
        ({"--foreground": None}, "at least one --foreground"),
        ({"--output": "segment.png"}, "segment.png"),
        ({"--output": "nowhere/segment.nrrd"}, "folder"),
        ({"--output": None}, "--output"),
        ({"--picture": "nowhere/p.png"}, "folder"),
        ({"--picture": "p.docx"}, "p.docx"),
        ({"--space": "world"}, "world"),
        ({"--device": "abacus"}, "abacus"),
        ({"--weights": "nowhere.pt"}, "nowhere.pt"),
        ({"--colour": "red"}, "--colour"),
    ],
)
def test_an_error_is_one_line_and_exit_code_2(volume_path, tiny_weights, tmp_path, monkeypatch, changes, message):
    monkeypatch.chdir(tmp_path)
    options = {"--foreground": "14,12,10", "--space": "ijk", "--output": "o.nrrd", "--weights": tiny_weights, **changes}
    volume = options.pop("volume", volume_path)
    arguments = [part for name, value in options.items() if value is not None for part in (name, value)]
    result = call("segment", volume, *arguments)
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1 and result.stderr.startswith("fast3dsam: ")
    assert message in result.stderr
    assert not list(tmp_path.iterdir())


def test_the_largest_dicom_series_is_named_on_the_screen(volume_path, tiny_weights, tmp_path):
    volume = sitk.ReadImage(str(volume_path))
    folder = tmp_path / "study"
    folder.mkdir()
    writer = sitk.ImageFileWriter()
    writer.KeepOriginalImageUIDOn()
    turn = volume.GetDirection()
    orientation = "\\".join(f"{v:.6f}" for v in (*turn[0::3], *turn[1::3]))
    for series, count in (("1.2.3.1", 3), ("1.2.3.2", volume.GetSize()[2])):
        for k in range(count):
            piece = volume[:, :, k : k + 1]
            place = volume.TransformIndexToPhysicalPoint((0, 0, k))
            for tag, value in (
                ("0008|0016", "1.2.840.10008.5.1.4.1.1.2"), ("0008|0060", "CT"), ("0008|0018", f"{series}.{k + 1}"),
                ("0020|000d", "1.2"), ("0020|000e", series), ("0020|0013", str(k + 1)),
                ("0020|0032", "\\".join(f"{v:.6f}" for v in place)),
                ("0020|0037", orientation),
            ):  # fmt: skip
                piece.SetMetaData(tag, value)
            writer.SetFileName(str(folder / f"{series}_{k}.dcm"))
            writer.Execute(piece)
    result = call("segment", folder, "--foreground", "14,12,10", "--space", "ijk", "--output", tmp_path / "o.nrrd",
                  "--weights", tiny_weights, "--device", "cpu")  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "1.2.3.2" in result.output
    np.testing.assert_allclose(sitk.ReadImage(str(tmp_path / "o.nrrd")).GetSize(), volume.GetSize())


def test_the_module_runs_as_a_program(volume_path, tiny_weights, tmp_path):
    command = [sys.executable, "-m", "Fast3DSAM.Logic.commands", "segment", volume_path]
    command += ["--foreground", "14,12,10", "--space", "ijk", "--output", tmp_path / "o.nrrd"]
    command += ["--weights", tiny_weights, "--device", "cpu"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "o.nrrd").is_file()
    wrong = subprocess.run(list(map(str, command[:5])), capture_output=True, text=True, encoding="utf-8")
    assert wrong.returncode == 2 and len(wrong.stderr.splitlines()) == 1


def test_help_comes_without_loading_torch():
    code = "import sys, Fast3DSAM.Logic.commands; print({'torch', 'SimpleITK', 'matplotlib'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
    assert call("segment", "--help").exit_code == 0
    assert "--foreground" in call("segment", "--help").output
