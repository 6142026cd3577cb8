"""Training on Lightning Fabric: one image embedding serves several targets and several rounds of clicks."""

from __future__ import annotations

import math
import os
import time
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader

from ..errors import CheckpointError
from ..model.build import build_model, convolutions_channels_last, freeze_lora
from ..model.config import ModelConfig
from ..model.fast3dsam import Fast3DSAM
from .click_step import ClickStep
from .data_engine import DataEngine, EndlessSampler
from .muon import KernelMuon, split_for_muon
from .precision import chosen_precision
from .replay import Replay, TrainingBatch
from .semantics import SemanticHead

_REPORTED_BATCHES = 50  # how many a line of the log is about
_MADE_TOGETHER = 4  # samples that reach a replay at once


@dataclass(frozen=True)
class TrainingPlan:
    """The numbers of a training run. `steps` ends it by count instead of time, so that it can be repeated exactly."""

    hours: float
    steps: Optional[int] = None
    images: int = 4
    batches: int = 1  # of `images` that a step adds up the gradients of
    targets: int = 4
    rounds: int = 5
    crop: int = 64
    learning_rate: float = 2e-3
    final_rate: float = 0.02
    warm_up_steps: int = 100
    weight_decay: float = 1e-2
    muon: bool = True
    ema_decay: float = 0.998
    seed: int = 0
    save_minutes: float = 5.0
    keep_every: int = 0  # steps between states that the caller is told of; 0: none
    precision: str = "auto"
    devices: int = 0  # processes that share every step, each with `images` of its own; 0: what Fabric finds
    replay: int = 0  # samples kept on the device to be drawn again (`replay.py`); 0: every sample serves one step


class Trainer:
    """Trains a model for `plan.hours` of its own time, saving a state from which the same command resumes."""

    def __init__(
        self,
        config: ModelConfig,
        plan: TrainingPlan,
        engine: DataEngine,
        state_path: Path,
        log: Callable[[str], None] = print,
        workers: int = 1,
        start: Optional[Fast3DSAM] = None,
        on_kept: Optional[Callable[[int], None]] = None,
    ) -> None:
        """`start` is a network with pretrained weights, of the same configuration; what it has frozen stays frozen.

        Without it training begins with random weights, and LoRA, which has nothing to adapt then, is not trained.
        `on_kept` is told the step, in one process, whenever `plan.keep_every` steps more are in the saved state.
        """
        plan = replace(plan, precision=chosen_precision(plan.precision))  # the card says what it was
        self.plan, self.state_path = plan, Path(state_path)
        self._engine, self._workers = engine, workers
        self.fabric = Fabric(accelerator="auto", devices=plan.devices or "auto", precision=plan.precision)
        self.fabric.launch()
        torch.backends.cudnn.benchmark = True  # on a GPU; crops are all of one size
        self._log = log if self.fabric.is_global_zero else _unheard
        self._on_kept = on_kept if self.fabric.is_global_zero else None
        self.fabric.seed_everything(plan.seed, verbose=False)
        model = start
        if model is None:
            model = build_model(config)
            freeze_lora(model)
        convolutions_channels_last(model)
        semantics = SemanticHead(config, len(engine.vocabulary)) if len(engine.vocabulary) else None
        self.ema = AveragedModel(model, multi_avg_fn=_average(plan.ema_decay), use_buffers=True)
        self.model = self.fabric.setup_module(model)
        for method in ("embed", "decode"):
            self.model.mark_forward_method(method)
        self.ema.to(self.fabric.device)
        self.semantics = None if semantics is None else semantics.to(self.fabric.device)
        self._rng = np.random.default_rng([plan.seed, 1, *self._rank_seed()])
        self.optimizers = self._make_optimizers()
        self._click_step = ClickStep(self.fabric, self.model, self.optimizers, self._rng, plan.rounds, self.semantics)
        self.step, self.seconds = 0, 0.0
        self.history: List[Dict[str, float]] = []

    def _make_optimizers(self) -> List[Any]:
        """Muon for the network's matrices, if the plan says so; AdamW for all else, the semantic head among it."""
        plan = self.plan
        matrices, rest = split_for_muon(p for p in self.model.parameters() if p.requires_grad)
        if not plan.muon:
            matrices, rest = [], [*matrices, *rest]
        rest = [*rest, *(self.semantics.parameters() if self.semantics else ())]
        optimizers = [torch.optim.AdamW(rest, plan.learning_rate, weight_decay=plan.weight_decay)]
        if matrices:
            optimizers.append(KernelMuon(matrices, lr=plan.learning_rate, weight_decay=plan.weight_decay))
        return [self.fabric.setup_optimizers(optimizer) for optimizer in optimizers]

    def run(self) -> None:
        """Trains until the plan's hours (or steps) are over; safe to kill at any time.

        Raises `CheckpointError` for a state that was begun with other optimizers.
        """
        self._resume()
        ranks = self.fabric.world_size
        batches = self._batches(ranks)
        saved, recent = time.monotonic(), []
        while self._done() < 1:
            begun = time.monotonic()
            recent.append(self._train_step(list(islice(batches, self.plan.batches))))
            self.step += 1
            self.seconds += time.monotonic() - begun
            if ranks > 1:  # all end at the same step
                self.seconds = self.fabric.broadcast(self.seconds)
            if len(recent) * self.plan.batches >= _REPORTED_BATCHES:
                self._report(recent)
                recent = []
            is_kept = self.plan.keep_every > 0 and self.step % self.plan.keep_every == 0
            if is_kept or time.monotonic() - saved > 60 * self.plan.save_minutes:
                self.save()
                saved = time.monotonic()
            if is_kept and self._on_kept is not None:
                self._on_kept(self.step)
        self.save()

    def _batches(self, ranks: int) -> Iterator[TrainingBatch]:
        """What steps learn from one after the other, on the device, for ever."""
        plan = self.plan
        loader = DataLoader(
            self._engine,
            batch_size=min(plan.images, _MADE_TOGETHER) if plan.replay else plan.images,
            sampler=EndlessSampler(self.step * plan.batches * plan.images * ranks + self.fabric.global_rank, ranks),
            num_workers=self._workers,
            prefetch_factor=4 if self._workers else None,
            worker_init_fn=_single_threaded,
        )
        if not plan.replay:
            for batch in self.fabric.setup_dataloaders(loader, use_distributed_sampler=False):
                yield TrainingBatch(*batch)
        replay = Replay(loader, max(plan.replay, plan.images), self.fabric.device)
        while True:
            yield replay.draw(self._rng, plan.images, plan.targets)

    def save(self) -> None:
        """Writes the whole state, atomically."""
        state = {
            "config": self.model.config.to_dict(),
            "plan": asdict(self.plan),
            "model": self.model.state_dict(),
            "ema": self.ema.module.state_dict(),
            "ema_updates": self.ema.n_averaged,
            "semantics": self.semantics.state_dict() if self.semantics else {},
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "step": self.step,
            "seconds": self.seconds,
            "history": self.history,
            "torch_rng": torch.get_rng_state(),
            "numpy_rng": self._rng.bit_generator.state,
        }
        if self.fabric.is_global_zero:
            self.state_path.parent.mkdir(parents=True, exist_ok=True)
            part = self.state_path.with_suffix(".part")
            torch.save(state, part)
            os.replace(part, self.state_path)

    def _resume(self) -> None:
        if not self.state_path.is_file():
            return
        state = torch.load(self.state_path, map_location=self.fabric.device, weights_only=True)
        if len(state.get("optimizers", ())) != len(self.optimizers):
            raise CheckpointError(
                f"{self.state_path.name} was trained with other optimizers; resume it with --muon or --no-muon as it "
                "was begun, or begin a new state with its exported weights as --start."
            )
        self.model.load_state_dict(state["model"])
        self.ema.module.load_state_dict(state["ema"])
        self.ema.n_averaged.copy_(state["ema_updates"])
        if self.semantics is not None:
            self.semantics.load_state_dict(state["semantics"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"]):
            optimizer.load_state_dict(saved)
        self.step, self.seconds, self.history = state["step"], state["seconds"], state["history"]
        torch.set_rng_state(state["torch_rng"].cpu())
        if self.fabric.global_rank == 0:
            self._rng.bit_generator.state = state["numpy_rng"]
        else:  # the state holds the first process's; any other stream will do
            other = np.random.default_rng([self.plan.seed, 2, self.fabric.global_rank, self.step])
            self._rng.bit_generator.state = other.bit_generator.state
        self._log(f"resumed at step {self.step} after {self.seconds / 3600:.2f} h")

    def _rank_seed(self) -> List[int]:
        """Nothing where one process trains alone, as it was before there were several."""
        return [self.fabric.global_rank] if self.fabric.world_size > 1 else []

    def _done(self) -> float:
        """The share of the plan that is behind us; at least 1 at the end."""
        if self.plan.steps is not None:
            return self.step / self.plan.steps
        return self.seconds / (self.plan.hours * 3600)

    def _rate(self) -> float:
        cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, self._done())))
        warm = min(1.0, (self.step + 1) / self.plan.warm_up_steps)
        return self.plan.learning_rate * warm * (self.plan.final_rate + (1 - self.plan.final_rate) * cosine)

    def _train_step(self, batches: Sequence[TrainingBatch]) -> Dict[str, float]:
        record = self._click_step(batches, self._rate())
        self.ema.update_parameters(self.model.module)
        return record

    def _report(self, recent: List[Dict[str, float]]) -> None:
        means = {key: float(np.mean([r[key] for r in recent])) for key in recent[0]}
        self.history.append({"step": self.step, "seconds": self.seconds, **means})
        text = "  ".join(f"{key} {value:.3f}" for key, value in means.items())
        self._log(f"step {self.step}  {self.seconds / 60:.1f} min  rate {self._rate():.1e}  {text}")


def _average(decay: float) -> Callable[..., None]:
    """Exponential moving average whose memory grows to 1 / (1 - decay) steps: young weights are forgotten at once."""

    def average(averaged: Any, current: Any, count: Tensor) -> None:
        get_ema_multi_avg_fn(min(decay, (1 + int(count)) / (10 + int(count))))(averaged, current, count)

    return average


def _unheard(_: str) -> None:
    """What the other processes say: the same as the first."""


def _single_threaded(_: int) -> None:
    torch.set_num_threads(1)


def load_training_state(path: Path) -> Optional[Dict[str, Any]]:
    """A training state as `Trainer.save` wrote it, on the CPU."""
    return torch.load(path, map_location="cpu", weights_only=True)
