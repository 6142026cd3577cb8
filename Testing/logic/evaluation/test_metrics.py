from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from scipy.ndimage import gaussian_filter

from Fast3DSAM.Logic.evaluation.metrics import area_under_curve, dice, normalized_surface_dice, scores

SPACINGS = [(1.0, 1.0, 1.0), (3.27, 0.98, 0.98), (5.0, 1.5, 1.5)]


def blobs(seed: int, shape=(22, 30, 34)):
    """Two masks that overlap in part, some of them touching the volume's border."""
    field = gaussian_filter(np.random.default_rng(seed).normal(size=shape), 2.5)
    other = 0.7 * np.roll(field, 1, axis=1) + 0.3 * np.roll(field, 3, axis=2)
    return other > 0.8 * other.std(), field > 0.7 * field.std()


@pytest.mark.parametrize("seed", range(4))
def test_dice_agrees_with_simpleitk(seed):
    prediction, reference = blobs(seed)
    overlap = sitk.LabelOverlapMeasuresImageFilter()
    overlap.Execute(*(sitk.GetImageFromArray(m.astype(np.uint8)) for m in (reference, prediction)))
    assert 0.2 < dice(prediction, reference) < 1
    assert dice(prediction, reference) == pytest.approx(overlap.GetDiceCoefficient(), abs=1e-6)


@pytest.mark.filterwarnings("ignore:Please import:DeprecationWarning")
@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("seed", range(2))
def test_nsd_agrees_with_the_reference_implementation(seed, spacing):
    """Both weight surface elements by their area. DeepMind's accumulates in float64, MONAI in float32: 1e-5."""
    reference_library = pytest.importorskip(
        "surface_distance", reason="surface-distance, the second opinion on NSD, is not installed"
    )
    prediction, reference = blobs(seed)
    distances = reference_library.compute_surface_distances(reference, prediction, spacing)
    expected = reference_library.compute_surface_dice_at_tolerance(distances, 2.0)
    assert 0 < expected < 1
    assert normalized_surface_dice(prediction, reference, spacing) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("spacing", SPACINGS)
def test_nsd_is_near_a_count_of_surface_voxels_by_simpleitk(spacing):
    """The plain definition counts surface voxels instead of their areas, and takes them inside the object. It is no
    more than a plausibility check: for these shapes the two definitions lie within 0.1 of each other."""
    prediction, reference = blobs(0)
    close = []
    for here, there in ((prediction, reference), (reference, prediction)):
        surfaces = []
        for mask in (here, there):
            image = sitk.GetImageFromArray(mask.astype(np.uint8))
            image.SetSpacing(spacing[::-1])
            surfaces.append(sitk.LabelContour(image))
        distance = sitk.Abs(sitk.SignedMaurerDistanceMap(surfaces[1], squaredDistance=False, useImageSpacing=True))
        close.append(sitk.GetArrayFromImage(distance)[sitk.GetArrayFromImage(surfaces[0]) > 0] <= 2.0)
    expected = float(np.concatenate(close).mean())
    assert normalized_surface_dice(prediction, reference, spacing) == pytest.approx(expected, abs=0.1)


def test_scores_do_not_depend_on_the_empty_space_around():
    prediction, reference = blobs(1)
    prediction, reference = np.pad(prediction, 1), np.pad(reference, 1)
    wider = [np.pad(m, ((9, 3), (0, 17), (5, 5))) for m in (prediction, reference)]
    assert scores(*wider, (2.0, 1.0, 1.0)) == scores(prediction, reference, (2.0, 1.0, 1.0))


def test_a_box_shifted_by_one_millimetre_is_within_tolerance_and_by_three_is_not():
    reference = np.zeros((20, 20, 30), bool)
    reference[5:15, 5:15, 5:15] = True
    assert normalized_surface_dice(np.roll(reference, 1, 2), reference, (1, 1, 1)) == pytest.approx(1.0)
    assert 0.5 < normalized_surface_dice(np.roll(reference, 3, 2), reference, (1, 1, 1)) < 0.95
    assert normalized_surface_dice(np.roll(reference, 1, 2), reference, (1, 1, 3)) < 0.95


def test_an_empty_prediction_scores_nothing():
    reference = np.zeros((8, 8, 8), bool)
    reference[2:5, 2:5, 2:5] = True
    assert scores(np.zeros_like(reference), reference, (1, 1, 1)) == (0.0, 0.0)
    assert scores(reference, reference, (1, 1, 1)) == (1.0, 1.0)


def test_nsd_counts_nothing_while_dice_is_not_above_a_fifth():
    reference = np.zeros((10, 10, 10), bool)
    reference[2:8, 2:8, 2:8] = True
    part = np.zeros_like(reference)
    part[2:8, 2:8, 2] = True  # 36 of 216 voxels: Dice 0.286; two thirds of it: 0.2
    assert scores(part, reference, (1, 1, 1))[1] > 0
    part[4:8, 2:8, 2] = False
    dsc, nsd = scores(part, reference, (1, 1, 1))
    assert 0 < dsc < 0.2 and nsd == 0.0
    assert normalized_surface_dice(part, reference, (1, 1, 1)) > 0


def test_the_area_under_five_perfect_steps_is_four():
    assert area_under_curve([1, 1, 1, 1, 1]) == 4.0
    assert area_under_curve([0.5, 0.6, 0.7, 0.8, 0.9]) == pytest.approx(2.8)
    assert area_under_curve([0.0, 1.0]) == 0.5
    assert area_under_curve([0.7]) == 0.0
