"""Fine-tuning on a few cases of one's own: the base stays, a small delta is learned and kept only if it helps."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Dict, Optional, Sequence, Tuple, Union

import numpy as np
import torch
from lightning_fabric import Fabric
from torch.utils.data import DataLoader

from ..checkpoints import read_model, ready_for_inference
from ..errors import VolumeFileError
from ..evaluation.datasets import Case
from ..evaluation.evaluate import Settings, evaluate_cases
from ..evaluation.results import EvaluationResult
from ..evaluation.segmenters import SessionSegmenter
from ..model.build import convolutions_channels_last, freeze_base
from ..model.delta import Delta
from ..model.fast3dsam import Fast3DSAM
from ..predictor import LocalPredictor
from ..session import InteractiveSession
from .cases import TrainingCase
from .click_step import ClickStep
from .data_engine import DataEngine, EndlessSampler, Mix
from .own_cases import Split, mean_dice
from .precision import chosen_precision
from .replay import TrainingBatch


@dataclass(frozen=True)
class FinetunePlan:
    """The numbers of a fine-tuning. Every `check_every` steps the held-out cases are segmented by the click protocol;
    after `patience` checks without a better mean Dice it ends, at the latest after `steps`. `crop` 0: the tile's size.
    """

    steps: int = 400
    check_every: int = 50
    patience: int = 3
    images: int = 2
    targets: int = 2
    rounds: int = 5
    crop: int = 0
    learning_rate: float = 5e-4
    warm_up_steps: int = 20
    weight_decay: float = 1e-2
    max_targets: int = 4
    seed: int = 0
    precision: str = "auto"


@dataclass(frozen=True)
class FinetuneResult:
    """`delta` is None where no check was better than the base. `before` and `after` measure the held-out and the unseen
    cases by the click protocol; `checks` are (step, mean Dice of the held-out cases), step 0 being the base."""

    delta: Optional[Path]
    before: EvaluationResult
    after: EvaluationResult
    checks: Tuple[Tuple[int, float], ...]
    history: Tuple[Dict[str, float], ...] = field(default=(), repr=False)


class Finetuner:
    """Fine-tunes the bundled or the given weights on `split.train` and writes what it learned to a delta file."""

    def __init__(
        self,
        split: Split,
        plan: FinetunePlan,
        weights: Optional[Union[str, Path]] = None,
        log: Callable[[str], None] = print,
        workers: int = 1,
    ) -> None:
        self.split, self.plan, self._log, self._workers = split, plan, log, workers
        self._fabric = Fabric(accelerator="auto", devices=1, precision=chosen_precision(plan.precision))
        self._fabric.seed_everything(plan.seed, verbose=False)
        model, self._base = read_model(weights)
        self._untouched = copy.deepcopy(model)
        freeze_base(model)
        convolutions_channels_last(model)
        trained = [p for p in model.parameters() if p.requires_grad]
        optimizer = torch.optim.AdamW(trained, plan.learning_rate, weight_decay=plan.weight_decay)
        self._model, optimizer = self._fabric.setup(model, optimizer)
        for method in ("embed", "decode"):
            self._model.mark_forward_method(method)
        rng = np.random.default_rng([plan.seed, 1])
        self._step = ClickStep(self._fabric, self._model, [optimizer], rng, plan.rounds)

    def run(self, path: Union[str, Path]) -> FinetuneResult:
        """Trains; whenever the held-out cases are better than ever (the base included), the delta goes to `path`."""
        plan = self.plan
        before = self._measure(self._untouched, (*self.split.held_out, *self.split.unseen))
        best = mean_dice(before, self.split.held_out)
        checks, history, delta, waited = [(0, best)], [], None, 0
        self._log(f"step 0  mean Dice of held-out cases {best:.3f}")
        batches = self._batches()
        for step in range(1, plan.steps + 1):
            history.append(self._step([TrainingBatch(*next(batches))], self._rate(step)))
            if step % plan.check_every and step != plan.steps:
                continue
            dice = mean_dice(self._measure(self._model.module, self.split.held_out), self.split.held_out)
            checks.append((step, dice))
            recent = np.mean([record["loss"] for record in history[-plan.check_every :]])
            self._log(f"step {step}  mean Dice of held-out cases {dice:.3f}  loss {recent:.3f}")
            waited += 1
            if dice > best:
                best, waited, delta = dice, 0, Delta.of(self._model.module, self._base)
                delta.save(path)  # now, so that a run that is broken off leaves its best
            if waited >= plan.patience:
                self._log(f"stopped: no better for {waited} checks")
                break
        if delta is None:
            return FinetuneResult(None, before, before, tuple(checks), tuple(history))
        tuned = copy.deepcopy(self._untouched)
        Delta.read(path).apply(tuned, self._base)  # what is measured is what was written, rounded as it is
        after = self._measure(tuned, (*self.split.held_out, *self.split.unseen))
        return FinetuneResult(Path(path), before, after, tuple(checks), tuple(history))

    def _batches(self) -> Any:
        plan = self.plan
        cases = [TrainingCase(case.id, "own", case.label_path, case.image_path) for case in self.split.train]
        size = plan.crop or self._model.config.tile_size
        engine = DataEngine(None, size, plan.targets, plan.seed, Mix(real=1.0, real_labels=0.0, pasted=0.0), cases)
        loader = DataLoader(
            engine, batch_size=plan.images, sampler=EndlessSampler(), num_workers=self._workers, worker_init_fn=_single
        )
        return iter(self._fabric.setup_dataloaders(loader, use_distributed_sampler=False))

    def _measure(self, model: Fast3DSAM, cases: Sequence[Case]) -> EvaluationResult:
        copied = ready_for_inference(copy.deepcopy(model), self._fabric.device)
        session = InteractiveSession(LocalPredictor(copied, self._fabric.device, "being fine-tuned"))
        settings = Settings(max_targets=self.plan.max_targets)
        result = evaluate_cases(cases, [SessionSegmenter(session)], settings)
        if not result.rows:
            raise VolumeFileError(f"No held-out case can be measured: {'; '.join(result.left_out)}; add other cases.")
        return result

    def _rate(self, step: int) -> float:
        warm = min(1.0, step / self.plan.warm_up_steps)
        return self.plan.learning_rate * warm * (0.55 + 0.45 * math.cos(math.pi * step / self.plan.steps))


def _single(_: int) -> None:
    torch.set_num_threads(1)
