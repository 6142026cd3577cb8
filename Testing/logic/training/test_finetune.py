from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk
import torch

from Fast3DSAM.Logic.checkpoints import file_hash, load_model, read_model, save_model
from Fast3DSAM.Logic.errors import CheckpointError, VolumeFileError
from Fast3DSAM.Logic.evaluation.datasets import find_cases
from Fast3DSAM.Logic.model.build import build_model, finetuned_names
from Fast3DSAM.Logic.model.config import SMALL
from Fast3DSAM.Logic.model.delta import Delta
from Fast3DSAM.Logic.session import InteractiveSession
from Fast3DSAM.Logic.training.finetune import FinetunePlan, Finetuner
from Fast3DSAM.Logic.training.own_cases import mean_dice, readable_cases, split_cases

TINY = replace(SMALL, name="tiny", tile_size=32, width=32, depth=1, heads=2, neck_width=32)
PLAN = FinetunePlan(steps=60, check_every=30, images=2, rounds=2, learning_rate=5e-3, precision="32-true")


def write_ball(folder, name, seed):
    """A bright ball in noise with its label map; so small a volume is one tile of one level."""
    rng = np.random.default_rng(seed)
    centre = rng.uniform(8, 14, 3)[:, None, None, None]
    ball = np.square(np.indices((22, 22, 22)) - centre).sum(0) < rng.uniform(5, 7) ** 2
    case = folder / name
    case.mkdir(parents=True)
    sitk.WriteImage(
        sitk.GetImageFromArray((ball * 100 + rng.normal(0, 10, ball.shape)).astype(np.float32)),
        str(case / "image.nrrd"),
    )
    sitk.WriteImage(sitk.GetImageFromArray(ball.astype(np.uint8)), str(case / "label.nrrd"))


@pytest.fixture(scope="module")
def balls(tmp_path_factory):
    folder = tmp_path_factory.mktemp("balls")
    for seed, name in enumerate("abcde"):
        write_ball(folder, name, seed)
    return folder


@pytest.fixture(scope="module")
def split(balls):
    return split_cases(find_cases(balls).cases, held_out=1, unseen=1)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    with torch.random.fork_rng():
        torch.manual_seed(3)
        model = build_model(TINY)
    path = tmp_path_factory.mktemp("base") / "tiny.pt"
    save_model(model, path)
    return path


@pytest.fixture(scope="module")
def tuned(split, base, tmp_path_factory):
    """(what fine-tuning returned, the lines that it said)."""
    said = []
    path = tmp_path_factory.mktemp("delta") / "balls.pt"
    with torch.random.fork_rng():
        return Finetuner(split, PLAN, base, said.append, workers=0).run(path), said


def masks(balls, **options):
    session = InteractiveSession.local("cpu", **options)
    volume = sitk.GetArrayFromImage(sitk.ReadImage(str(balls / "a" / "image.nrrd")))
    session.set_volume(volume)
    return session.add_point((11, 11, 11)).mask


def test_cases_that_were_not_trained_on_get_better(tuned, split):
    result, said = tuned
    for cases in (split.held_out, split.unseen):
        assert mean_dice(result.after, cases) > mean_dice(result.before, cases) + 0.1
    assert result.checks[0] == (0, pytest.approx(mean_dice(result.before, split.held_out)))
    assert len(said) == len(result.checks) == 3


def test_the_delta_is_small_and_holds_only_what_is_trained(tuned, base):
    delta = Delta.read(tuned[0].delta)
    model = read_model(base).model
    assert set(delta.weights) == set(finetuned_names(model))
    kinds = {name.split(".")[3] for name in delta.weights if name.startswith("image_encoder")}
    assert kinds == {"norm1", "norm2", "attn", "adapter"}
    assert not [
        name for name in delta.weights if ".mlp." in name and "encoder.blocks" in name or name.endswith("qkv.qkv")
    ]
    assert delta.config == "tiny" and delta.base == file_hash(base)
    assert tuned[0].delta.stat().st_size < base.stat().st_size / 2


def test_the_session_is_the_base_again_without_the_delta(tuned, base, balls, tmp_path):
    before, fingerprint = masks(balls, weights=base), file_hash(base)
    adapted = masks(balls, weights=base, delta=tuned[0].delta)
    assert not np.array_equal(adapted, before)
    np.testing.assert_array_equal(masks(balls, weights=base), before)
    assert file_hash(base) == fingerprint


def test_embeddings_on_disk_of_base_and_delta_are_kept_apart(tuned, base, balls, tmp_path):
    plain, adapted = load_model(base), load_model(base, delta=tuned[0].delta)
    assert plain.fingerprint == file_hash(base) != adapted.fingerprint
    expected = [masks(balls, weights=base), masks(balls, weights=base, delta=tuned[0].delta)]
    for _ in range(2):  # the second time from the disk
        for own, delta in enumerate((None, tuned[0].delta)):
            found = masks(balls, weights=base, delta=delta, cache_dir=tmp_path)
            wrong = [np.mean(found != mask) for mask in expected]
            assert wrong[own] < 0.02 and wrong[own] < wrong[1 - own]  # half precision on disk
    assert len(list(tmp_path.iterdir())) == 2


def test_lora_is_trained_and_merged(tuned, base):
    delta = Delta.read(tuned[0].delta)
    assert delta.weights["image_encoder.blocks.0.attn.qkv.up"].abs().max() > 0
    names = load_model(base, delta=tuned[0].delta).model.state_dict()
    assert not [name for name in names if name.endswith("qkv.up")]


def test_frozen_weights_stay_as_they_are(split, base, tmp_path):
    tuner = Finetuner(split, replace(PLAN, steps=2, check_every=2), base, lambda text: None, workers=0)
    untouched = read_model(base).model.state_dict()
    tuner.run(tmp_path / "delta.pt")
    trained = set(finetuned_names(read_model(base).model))
    changed = {n for n, tensor in tuner._model.module.state_dict().items() if not torch.equal(tensor, untouched[n])}
    assert changed and changed <= trained


def test_a_delta_of_other_weights_is_refused(tuned, tmp_path):
    other = tmp_path / "other.pt"
    save_model(build_model(TINY), other)
    with pytest.raises(CheckpointError, match="balls.pt was fine-tuned on other base weights"):
        load_model(other, delta=tuned[0].delta)


def test_a_checkpoint_is_no_delta(base):
    with pytest.raises(CheckpointError, match="not a Fast3DSAM delta"):
        load_model(base, delta=base)


def test_a_delta_without_some_tensors_is_refused(tuned, base, tmp_path):
    whole = Delta.read(tuned[0].delta)
    weights = {name: tensor for name, tensor in whole.weights.items() if "adapter" not in name}
    replace(whole, weights=weights).save(tmp_path / "part.pt")
    with pytest.raises(CheckpointError, match=r"part.pt .* 6 missing \(image_encoder.blocks.0.adapter"):
        load_model(base, delta=tmp_path / "part.pt")


def test_where_nothing_helps_it_stops_and_no_file_is_written(split, base, tmp_path):
    plan = replace(PLAN, learning_rate=0.0, steps=9, check_every=1, patience=2)
    result = Finetuner(split, plan, base, lambda text: None, workers=0).run(tmp_path / "delta.pt")
    assert result.delta is None and not (tmp_path / "delta.pt").exists()
    assert [step for step, _ in result.checks] == [0, 1, 2]
    assert result.after is result.before


def test_a_split_has_every_case_once_and_is_the_same_for_the_same_seed(balls):
    cases = find_cases(balls).cases
    split = split_cases(cases, held_out=2, unseen=1, seed=5)
    assert sorted(c.id for part in (split.train, split.held_out, split.unseen) for c in part) == list("abcde")
    assert split == split_cases(cases, held_out=2, unseen=1, seed=5)
    assert len(split_cases(cases).held_out) == 1


def test_too_few_cases_are_refused(balls):
    with pytest.raises(VolumeFileError, match="5 cases are too few for 3 held out and 2 unseen"):
        split_cases(find_cases(balls).cases, held_out=3, unseen=2)


def test_cases_that_cannot_be_used_are_named(balls, tmp_path):
    write_ball(tmp_path, "good", 1)
    write_ball(tmp_path, "broken", 2)
    (tmp_path / "broken" / "image.nrrd").write_text("no volume")
    write_ball(tmp_path, "empty", 3)
    blank = sitk.Image([22, 22, 22], sitk.sitkUInt8)
    sitk.WriteImage(blank, str(tmp_path / "empty" / "label.nrrd"))
    good, remarks = readable_cases(find_cases(tmp_path).cases)
    assert [case.id for case in good] == ["good"]
    assert len(remarks) == 2 and remarks[0].startswith("broken: ") and remarks[1] == "empty: its label map is empty"
