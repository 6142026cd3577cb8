import numpy as np
import pytest
import SimpleITK as sitk

from Fast3DSAM.Logic.errors import InvalidVolumeError, VolumeFileError
from Fast3DSAM.Logic.volume_files import read_volume, write_mask

OBLIQUE = np.linalg.qr(np.array([[0.9, 0.2, 0.1], [-0.2, 0.95, 0.05], [0.0, -0.1, 1.0]]))[0]


def an_image(shape=(4, 5, 6), dtype=np.int16):
    image = sitk.GetImageFromArray(np.arange(np.prod(shape), dtype=dtype).reshape(shape))
    image.SetSpacing((0.7, 0.8, 2.5))
    image.SetOrigin((-120.3, 45.6, 300.125))
    image.SetDirection(OBLIQUE.ravel().tolist())
    return image


def write_dicom_series(folder, uid, slices, shape=(8, 9)):
    folder.mkdir(exist_ok=True)
    writer = sitk.ImageFileWriter()
    writer.KeepOriginalImageUIDOn()
    for k in range(slices):
        image = sitk.GetImageFromArray(np.full(shape, 100 + k, np.int16))
        image = sitk.JoinSeries(image)
        for tag, value in (
            ("0008|0016", "1.2.840.10008.5.1.4.1.1.2"),
            ("0008|0060", "CT"),
            ("0008|0018", f"{uid}.{k + 1}"),
            ("0020|000d", "1.2.3"),
            ("0020|000e", uid),
            ("0020|0013", str(k + 1)),
            ("0020|0032", f"10\\20\\{30 + 3 * k}"),
            ("0020|0037", "1\\0\\0\\0\\1\\0"),
        ):
            image.SetMetaData(tag, value)
        writer.SetFileName(str(folder / f"{uid}_{k}.dcm"))
        writer.Execute(image)


@pytest.mark.parametrize("suffix", [".nii.gz", ".nii", ".nrrd", ".mha"])
def test_a_volume_keeps_its_type_and_its_place_in_ras(tmp_path, suffix):
    image = an_image()
    path = tmp_path / f"volume{suffix}"
    sitk.WriteImage(image, str(path))
    volume = read_volume(path)
    assert volume.voxels.dtype == np.int16 and volume.voxels.shape == (4, 5, 6)
    lps = np.array(image.TransformIndexToPhysicalPoint((5, 3, 2)))
    np.testing.assert_allclose(volume.geometry.kji_to_ras((2, 3, 5)), lps * (-1, -1, 1), atol=1e-4)
    assert volume.voxels[2, 3, 5] == image[5, 3, 2]


@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".mha"])
def test_a_mask_is_written_on_the_grid_of_its_volume(tmp_path, suffix):
    source = tmp_path / "volume.mha"
    sitk.WriteImage(an_image(), str(source))
    volume = read_volume(source)
    mask = volume.voxels > 70
    write_mask(mask, volume, tmp_path / f"mask{suffix}")
    written = sitk.ReadImage(str(tmp_path / f"mask{suffix}"))
    tolerance = 1e-5 if suffix == ".nii.gz" else 1e-12  # NIfTI stores 32-bit floats
    np.testing.assert_allclose(written.GetOrigin(), volume.grid.origin, atol=10 * tolerance)
    np.testing.assert_allclose(written.GetSpacing(), volume.grid.spacing, atol=tolerance)
    np.testing.assert_allclose(written.GetDirection(), volume.grid.direction, atol=tolerance)
    assert written.GetPixelID() == sitk.sitkUInt8
    np.testing.assert_array_equal(sitk.GetArrayFromImage(written).astype(bool), mask)


def test_the_largest_dicom_series_is_read_and_named(tmp_path):
    folder = tmp_path / "study"
    write_dicom_series(folder, "1.2.3.4", slices=2)
    write_dicom_series(folder, "1.2.3.5", slices=5)
    volume = read_volume(folder)
    assert volume.voxels.shape == (5, 8, 9)
    assert volume.voxels[:, 0, 0].tolist() == [100, 101, 102, 103, 104]
    assert "2 DICOM series" in volume.note and "1.2.3.5" in volume.note
    np.testing.assert_allclose(volume.geometry.kji_to_ras((1, 0, 0)), (-10, -20, 33))


def test_a_single_dicom_series_needs_no_note(tmp_path):
    write_dicom_series(tmp_path / "series", "1.2.3.4", slices=3)
    assert read_volume(tmp_path / "series").note == ""


def test_one_time_point_of_a_4d_file_is_a_volume(tmp_path):
    image = sitk.GetImageFromArray(np.zeros((1, 4, 5, 6), np.int16), isVector=False)
    sitk.WriteImage(image, str(tmp_path / "one.nrrd"))
    assert read_volume(tmp_path / "one.nrrd").voxels.shape == (4, 5, 6)


def test_several_time_points_are_refused(tmp_path):
    image = sitk.GetImageFromArray(np.zeros((3, 4, 5, 6), np.int16), isVector=False)
    sitk.WriteImage(image, str(tmp_path / "many.nii.gz"))
    with pytest.raises(InvalidVolumeError, match="4 dimensions"):
        read_volume(tmp_path / "many.nii.gz")


def test_colour_is_refused(tmp_path):
    sitk.WriteImage(sitk.GetImageFromArray(np.zeros((4, 5, 6, 3), np.uint8), isVector=True), str(tmp_path / "rgb.nrrd"))
    with pytest.raises(InvalidVolumeError, match="3 values per voxel"):
        read_volume(tmp_path / "rgb.nrrd")


def test_a_flat_picture_is_refused(tmp_path):
    sitk.WriteImage(sitk.GetImageFromArray(np.zeros((5, 6), np.uint8)), str(tmp_path / "flat.png"))
    with pytest.raises(InvalidVolumeError, match="2 dimensions"):
        read_volume(tmp_path / "flat.png")


def test_complex_numbers_are_refused(tmp_path):
    sitk.WriteImage(sitk.GetImageFromArray(np.zeros((4, 5, 6), np.complex64)), str(tmp_path / "k.nii.gz"))
    with pytest.raises(InvalidVolumeError, match="complex"):
        read_volume(tmp_path / "k.nii.gz")


@pytest.mark.parametrize("content", [b"", b"junk"])
def test_a_damaged_file_is_named_in_one_line(tmp_path, content):
    path = tmp_path / "damaged.nii.gz"
    path.write_bytes(content)
    with pytest.raises(VolumeFileError, match="damaged.nii.gz") as caught:
        read_volume(path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_an_empty_folder_are_named(tmp_path):
    with pytest.raises(VolumeFileError, match="nowhere.nii.gz"):
        read_volume(tmp_path / "nowhere.nii.gz")
    with pytest.raises(VolumeFileError, match="no DICOM"):
        read_volume(tmp_path)


def test_a_mask_that_cannot_be_written_is_refused(tmp_path):
    sitk.WriteImage(an_image(), str(tmp_path / "volume.mha"))
    volume = read_volume(tmp_path / "volume.mha")
    mask = volume.voxels > 70
    with pytest.raises(VolumeFileError, match="mask.png"):
        write_mask(mask, volume, tmp_path / "mask.png")
    with pytest.raises(VolumeFileError, match="folder"):
        write_mask(mask, volume, tmp_path / "nowhere" / "mask.nrrd")
    with pytest.raises(VolumeFileError, match="shape"):
        write_mask(mask[1:], volume, tmp_path / "mask.nrrd")
