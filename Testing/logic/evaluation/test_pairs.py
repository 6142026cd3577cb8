from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from Fast3DSAM.Logic.evaluation.pairs import read_pair
from Testing.logic.evaluation.conftest import labelled_volume, write


def test_a_pair_on_one_grid_is_read_as_it_is(tmp_path):
    voxels, labels = labelled_volume()
    pair = read_pair(write(voxels, tmp_path / "i.nii.gz"), write(labels.astype(np.float32), tmp_path / "l.nii.gz"))
    np.testing.assert_array_equal(pair.labels, labels)
    np.testing.assert_array_equal(pair.voxels, voxels)
    assert pair.labels.dtype == np.int32 and pair.geometry.spacing == (2.0, 1.0, 1.0)


def test_a_cropped_and_flipped_label_map_comes_onto_the_images_grid(tmp_path):
    voxels, labels = labelled_volume()
    write(voxels, tmp_path / "i.nii.gz")
    write(labels, tmp_path / "l.nii.gz")
    label = sitk.ReadImage(str(tmp_path / "l.nii.gz"))
    cropped = sitk.Flip(label[1:28, 1:26, 1:15], (True, False, False))
    sitk.WriteImage(cropped, str(tmp_path / "cropped.nrrd"))
    assert not np.array_equal(sitk.GetArrayFromImage(cropped), labels[1:15, 1:26, 1:28])
    np.testing.assert_array_equal(read_pair(tmp_path / "i.nii.gz", tmp_path / "cropped.nrrd").labels, labels)
