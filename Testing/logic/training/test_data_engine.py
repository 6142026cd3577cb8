import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage

from Fast3DSAM.Logic.training.cases import TrainingCase
from Fast3DSAM.Logic.training.data_engine import DataEngine, EndlessSampler, Mix, _draw, choose_targets, part_of

SIZE = 24


@pytest.fixture
def engine() -> DataEngine:
    return DataEngine(None, SIZE, targets=3, seed=7)


def test_a_sample_is_a_function_of_seed_and_index(engine):
    for index in (0, 5, 123456):
        first, again = engine[index], DataEngine(None, SIZE, 3, seed=7)[index]
        np.testing.assert_array_equal(first.image, again.image)
        np.testing.assert_array_equal(first.targets, again.targets)
    assert not np.array_equal(engine[0].image, engine[1].image)
    assert not np.array_equal(engine[0].image, DataEngine(None, SIZE, 3, seed=8)[0].image)


def test_samples_are_finite_and_have_targets_of_a_fair_size(engine):
    for index in range(25):
        image, targets, _ = engine[index]
        assert image.shape == (3, SIZE, SIZE, SIZE) and image.dtype == np.float32 and np.isfinite(image).all()
        assert targets.shape == (3, SIZE, SIZE, SIZE) and targets.dtype == bool
        shares = targets.mean((1, 2, 3))
        assert (targets.sum((1, 2, 3)) >= 24).all() and (shares <= 0.9).all()


def test_targets_obey_the_bounds_on_their_size():
    labels = np.zeros((20, 20, 20), int)
    labels[:, 1:] = 2  # nearly all of the crop: too large
    labels[0, 0, :9] = 1  # too small
    assert choose_targets(np.random.default_rng(0), labels, 4) is None
    labels[5:10, 5:10, 5:10] = 3
    targets = choose_targets(np.random.default_rng(0), labels, 4)
    assert targets.shape == (4, 20, 20, 20) and (targets == (labels == 3)).all()


def test_background_is_never_a_target():
    labels = np.zeros((20, 20, 20), int)
    assert choose_targets(np.random.default_rng(0), labels, 2) is None
    labels[:5, :5, :5] = 1
    for seed in range(20):
        assert not choose_targets(np.random.default_rng(seed), labels, 2)[:, labels == 0].any()


def test_most_targets_are_one_piece():
    labels = np.zeros((24, 24, 24), int)
    labels[2:8, 2:8, 2:8] = labels[14:22, 14:22, 14:22] = 1
    counts = [ndimage.label(choose_targets(np.random.default_rng(seed), labels, 1)[0])[1] for seed in range(60)]
    assert 0.5 < np.mean(np.array(counts) == 1) < 0.95 and max(counts) == 2


def test_the_label_that_a_crop_was_framed_for_is_the_first_target():
    labels = np.arange(8).repeat(3 * 24 * 24).reshape(24, 24, 24)
    for seed in range(20):
        first = choose_targets(np.random.default_rng(seed), labels, 2, framed=5)[0]
        assert first[labels == 5].any()


@pytest.mark.parametrize("seed", range(12))
def test_a_part_lies_within_its_object_and_in_one_piece(seed):
    block = np.zeros((24, 24, 24), bool)
    block[4:20, 6:18, 3:21] = True
    part = part_of(np.random.default_rng(seed), block)
    assert 0.02 * block.sum() < part.sum() < 0.75 * block.sum() and not (part & ~block).any()
    assert ndimage.label(part, np.ones((3, 3, 3)))[1] == 1


def test_an_image_without_labels_is_cut_into_regions_of_like_intensity(tmp_path):
    rng = np.random.default_rng(0)
    voxels = np.full((40, 40, 40), 50, np.float32)
    voxels[10:30, 10:30, 10:30] = 150
    image = sitk.GetImageFromArray(voxels + rng.normal(0, 8, voxels.shape).astype(np.float32))
    sitk.WriteImage(image, str(tmp_path / "image.nii.gz"))
    (tmp_path / "images" / "cube").mkdir(parents=True)
    (tmp_path / "image.nii.gz").rename(tmp_path / "images" / "cube" / "image.nii.gz")
    (tmp_path / "INDEX.tsv").write_text("name\trole\tmodality\tregion\ncube\timages\tMR\tcube\n")
    engine = DataEngine(tmp_path, SIZE, 1, seed=3, mix=Mix(real=0, images=1, real_labels=0, drawn=0))
    spreads = []
    for index in range(12):
        image, targets, _ = engine[index]
        inside = image[2] > 0
        spreads.append(image[0][targets[0] & inside].std() / image[0][inside].std())
    assert np.median(spreads) < 0.8, spreads


def test_the_sampler_resumes_the_same_stream():
    stream = iter(EndlessSampler(0))
    first = [next(stream) for _ in range(10)]
    resumed = iter(EndlessSampler(4))
    assert first[4:] == [next(resumed) for _ in range(6)]


def test_image_and_label_pairs_keep_their_borders(tmp_path):
    """A real pair whose image is its label map: wherever a crop is taken, bright is what the target says."""
    from Fast3DSAM.Logic.training.cases import TrainingCase

    labels = np.zeros((40, 30, 36), np.uint8)
    labels[10:26, 8:20, 9:27] = 1
    for name, array in (("label", labels), ("image", labels.astype(np.float32) * 100)):
        image = sitk.GetImageFromArray(array)
        image.SetSpacing((0.8, 1.0, 1.5))
        sitk.WriteImage(image, str(tmp_path / f"{name}.nii.gz"))
    case = TrainingCase("block", "block", tmp_path / "label.nii.gz", tmp_path / "image.nii.gz")
    engine = DataEngine(None, SIZE, 1, seed=1, mix=Mix(real=1.0, real_labels=0.0), cases=[case])
    agreements = []
    for index in range(12):
        image, targets, _ = engine[index]
        target, inside = targets[0], image[2] > 0
        if (target & inside).sum() > 200 and (~target & inside).sum() > 200:
            agreements.append(abs(np.corrcoef(image[0][inside], target[inside])[0, 1]))
    assert len(agreements) >= 6 and np.median(agreements) > 0.8


def test_families_are_drawn_by_the_root_of_how_many_structures_they_show():
    families = [[TrainingCase("many", "a", None, None, 9), TrainingCase("more", "a", None, None, 7)]]
    families.append([TrainingCase("one", "b", None, None)])
    rng = np.random.default_rng(0)
    drawn = [_draw(rng, families).family for _ in range(2000)]
    assert abs(drawn.count("a") / 2000 - 4 / 5) < 0.03
    evenly = [_draw(rng, families, power=0.25).family for _ in range(2000)]
    assert abs(evenly.count("a") / 2000 - 2 / 3) < 0.04


def test_what_is_made_up_around_an_atlas_is_nobody_s_target(tmp_path):
    labels = np.zeros((40, 40, 40), np.uint8)
    labels[12:28, 10:30, 14:26] = 5
    (tmp_path / "labels" / "block").mkdir(parents=True)
    sitk.WriteImage(sitk.GetImageFromArray(labels), str(tmp_path / "labels" / "block" / "label.nii.gz"))
    (tmp_path / "INDEX.tsv").write_text("name\trole\tmodality\tregion\nblock\tlabels\tlabel\tblock\n")
    engine = DataEngine(tmp_path, SIZE, 2, seed=2, mix=Mix(real=0, images=0, real_labels=1, drawn=0))
    for index in range(10):
        sample = engine[index]
        named = sample.classes % 64 == 5  # at 1/4, in the middle of each voxel of that grid
        assert not (sample.targets[:, 2::4, 2::4, 2::4] & ~named).any()
