import os
import subprocess
import sys
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import SimpleITK as sitk
import torch

from Fast3DSAM.Logic.checkpoints import load_model
from Fast3DSAM.Logic.errors import CheckpointError
from Fast3DSAM.Logic.training.data_engine import DataEngine, EndlessSampler
from Fast3DSAM.Logic.training.trainer import Trainer, TrainingPlan, load_training_state
from Testing.logic.model.networks import TINY

CONFIG = replace(TINY, tile_size=16, depth=1)
PLAN = TrainingPlan(
    hours=1.0, steps=3, images=1, targets=2, rounds=2, crop=16, warm_up_steps=2, save_minutes=1e9, precision="32-true"
)


class Killed(Exception):
    """Stands for the power going off in the middle of a step."""


class KilledTrainer(Trainer):
    """Dies in the third step; its last state was saved after the second."""

    def _train_step(self, batches):
        if self.step == 2:
            self.save()
        record = super()._train_step(batches)
        if self.step == 2:
            raise Killed
        return record


def _trainer(path, kind=Trainer) -> Trainer:
    return kind(CONFIG, PLAN, DataEngine(None, PLAN.crop, PLAN.targets, PLAN.seed), path, [].append, workers=0)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory) -> dict:
    path = tmp_path_factory.mktemp("whole") / "state.pt"
    _trainer(path).run()
    return load_training_state(path)


def _differing(first: dict, second: dict) -> list:
    return [key for key, value in first.items() if not torch.equal(value, second[key])]


def test_resuming_after_a_kill_is_exact_bit_for_bit(uninterrupted, tmp_path):
    path = tmp_path / "state.pt"
    with pytest.raises(Killed):
        _trainer(path, KilledTrainer).run()
    assert load_training_state(path)["step"] == 2
    torch.manual_seed(99)  # whatever the new process did before
    _trainer(path).run()
    resumed = load_training_state(path)
    assert resumed["step"] == uninterrupted["step"] == 3
    assert _differing(uninterrupted["model"], resumed["model"]) == []
    assert _differing(uninterrupted["ema"], resumed["ema"]) == []
    assert uninterrupted["numpy_rng"] == resumed["numpy_rng"]


def test_training_moves_every_weight_but_lora(uninterrupted):
    before = dict(_trainer("never written").model.module.named_parameters())
    still = set(before) - set(_differing(before, uninterrupted["model"]))
    assert still == {n for n in before if n.endswith(("qkv.down", "qkv.up"))}


def test_the_averaged_weights_lag_behind(uninterrupted):
    assert int(uninterrupted["ema_updates"]) == 3
    assert set(_differing(uninterrupted["model"], uninterrupted["ema"]))


def test_a_finished_run_is_not_trained_further(uninterrupted, tmp_path):
    torch.save(uninterrupted, tmp_path / "state.pt")
    _trainer(tmp_path / "state.pt").run()
    again = load_training_state(tmp_path / "state.pt")
    assert again["step"] == 3 and _differing(uninterrupted["model"], again["model"]) == []


def test_a_state_of_other_optimizers_is_not_resumed(uninterrupted, tmp_path):
    path = tmp_path / "state.pt"
    torch.save(uninterrupted, path)
    engine = DataEngine(None, PLAN.crop, PLAN.targets, PLAN.seed)
    with pytest.raises(CheckpointError, match="state.pt was trained with other optimizers"):
        Trainer(CONFIG, replace(PLAN, muon=False), engine, path, [].append, workers=0).run()


def test_the_rate_warms_up_and_falls_to_its_final_share(tmp_path):
    trainer = _trainer(tmp_path / "state.pt")
    trainer.plan = replace(PLAN, steps=100, warm_up_steps=10)
    rates = []
    for trainer.step in range(101):
        rates.append(trainer._rate())
    assert rates[0] < rates[4] < rates[9] and rates[10:] == sorted(rates[10:], reverse=True)
    assert max(rates) <= PLAN.learning_rate
    assert rates[-1] == pytest.approx(PLAN.learning_rate * PLAN.final_rate)


def test_mixed_precision_reaches_the_network(tmp_path):
    plan = replace(PLAN, precision="bf16-mixed", steps=1)
    trainer = Trainer(CONFIG, plan, DataEngine(None, 16, 2), tmp_path / "state.pt", [].append, workers=0)
    seen = set()
    for part in (trainer.model.module.image_encoder.neck.conv, trainer.model.module.mask_decoder.at_half[0]):
        part.register_forward_hook(lambda _, __, output: seen.add(output.dtype))
    trainer.run()
    assert seen == {torch.bfloat16}


def test_a_run_with_replay_learns_from_what_it_keeps(tmp_path):
    plan = replace(PLAN, replay=3, images=2, targets=1)
    trainer = Trainer(CONFIG, plan, DataEngine(None, 16, 2), tmp_path / "state.pt", [].append, workers=0)
    seen = _watched(trainer)
    trainer.run()
    assert load_training_state(tmp_path / "state.pt")["step"] == 3
    assert {tuple(batch.targets.shape) for batches in seen for batch in batches} == {(2, 1, 16, 16, 16)}
    assert all(not torch.equal(*batch.image) for batches in seen for batch in batches)


def _watched(trainer) -> list:
    """The batches of every step that `trainer` will learn from."""
    seen, learn = [], trainer._click_step

    def watched(batches, rate):
        seen.append(batches)
        return learn(batches, rate)

    trainer._click_step = watched
    return seen


def test_a_step_of_several_batches_sees_samples_in_their_order_also_after_a_resume(tmp_path):
    engine = DataEngine(None, PLAN.crop, PLAN.targets, PLAN.seed)
    seen = []
    for steps in (1, 2):
        plan = replace(PLAN, images=2, batches=3, steps=steps)
        trainer = Trainer(CONFIG, plan, engine, tmp_path / "state.pt", [].append, workers=0)
        watched = _watched(trainer)
        trainer.run()
        seen += watched
    images = torch.cat([batch.image for batches in seen for batch in batches])
    assert [len(batches) for batches in seen] == [3, 3]
    assert torch.equal(images, torch.stack([torch.from_numpy(engine[index].image) for index in range(12)]))


def test_processes_that_share_a_step_draw_different_samples():
    streams = [list(islice(EndlessSampler(12 + rank, 2), 4)) for rank in (0, 1)]
    assert streams == [[12, 14, 16, 18], [13, 15, 17, 19]]


def test_two_processes_train_one_network_and_keep_what_is_reached_on_the_way(tmp_path):
    options = "--steps 4 --keep-every 2 --images 1 --batches 2 --targets 1 --rounds 2 --crop 16 --precision 32-true"
    command = [sys.executable, "-m", "Fast3DSAM.Logic.commands", "train", str(tmp_path), "--devices", "2"]
    header, row = "name\trole\tmodality\tregion\tlabels", "knee1\tlabels\tMR\tknee\t1=femur(4096); 2=tibia(4096)"
    (tmp_path / "INDEX.tsv").write_text(f"{header}\n{row}\n")
    labels = np.zeros((40, 40, 40), np.uint8)
    labels[2:18, 8:24, 8:24], labels[22:38, 8:24, 8:24] = 1, 2
    (tmp_path / "labels" / "knee1").mkdir(parents=True)
    sitk.WriteImage(sitk.GetImageFromArray(labels), str(tmp_path / "labels" / "knee1" / "label.nii.gz"))
    state = tmp_path / "state.pt"
    done = subprocess.run(
        [*command, "--state", str(state), "--threads", "1", "--workers", "0", *options.split()],
        env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert "2 processes" in done.stdout + done.stderr
    reached = load_training_state(state)
    kept = [load_model(tmp_path / f"state_{step}.pt").model.state_dict() for step in (2, 4)]
    assert _differing(*kept) and not (tmp_path / "state_3.pt").exists()
    assert reached["step"] == 4 and set(reached["semantics"]) == {
        f"{p}.{w}" for p in ("quarter", "coarse") for w in ("weight", "bias")
    }
