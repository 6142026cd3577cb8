from matplotlib.image import imread
from typer.testing import CliRunner

from Fast3DSAM.Logic.commands import app


def run(*arguments):
    return CliRunner().invoke(app, [str(a) for a in ("samples", *arguments)])


def test_a_sheet_of_made_up_samples_is_drawn(tmp_path):
    result = run("--output", tmp_path / "sheet.png", "--count", 7, "--crop", 24, "--targets", 2)
    assert result.exit_code == 0, result.output
    sheet = imread(tmp_path / "sheet.png")
    assert sheet.shape[1] > sheet.shape[0] > 300  # two rows of six
    assert sheet[..., :3].max(-1).mean() > 0.1 and (sheet[..., 0] - sheet[..., 2]).max() > 0.4  # images and outlines


def test_a_data_folder_without_an_index_is_named(tmp_path):
    result = run(tmp_path, "--output", tmp_path / "sheet.png")
    assert result.exit_code == 2 and "INDEX.tsv" in result.output
