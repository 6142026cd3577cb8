"""One optimiser step: one image embedding serves several targets and several rounds of clicks."""

from __future__ import annotations

from typing import Any, Dict, Optional, Sequence, Tuple

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor

from ..model.image_encoder import ImageEmbedding
from ..model.prompt_encoder import FOREGROUND, PromptEncoder, Prompts
from .losses import ClickLoss, KeyLoss
from .replay import TrainingBatch
from .semantics import SemanticHead
from .simulated_user import SimulatedUser, earlier_masks

_SEMANTICS_WEIGHT = 0.15
_KEYS_WEIGHT = 0.3
_BEST_FOREGROUND = [0, 3]  # of the similarity maps: at 1/2 and at 1/4


class ClickStep:
    """Clicks, decodes, compares, and moves the weights once.

    It learns from the first round and from one later round, drawn anew for every step, up to `rounds`: those in between
    only lead there. So masks are learnt after as many clicks as users give, at the price of two rounds' gradients
    (Sofiiuk et al., Reviving Iterative Training with Mask Guidance, ICIP 2022, learn from the last alone).

    `model` and `optimizers` are what `fabric.setup` returned; `rng` draws the simulated users' clicks.
    """

    def __init__(
        self,
        fabric: Fabric,
        model: Any,
        optimizers: Sequence[Any],
        rng: np.random.Generator,
        rounds: int,
        semantics: Optional[SemanticHead] = None,
    ) -> None:
        """`semantics` learns the samples' classes besides; its weights are the optimizers', too, but not Fabric's."""
        self._fabric, self._model, self._optimizers = fabric, model, list(optimizers)
        self._rng, self._rounds, self._semantics = rng, rounds, semantics
        self._loss, self._key_loss = ClickLoss(), KeyLoss()

    def __call__(self, batches: Sequence[TrainingBatch], rate: float) -> Dict[str, float]:
        """Learns from `batches` together: their gradients are added up, so that a step may see more than memory holds.

        -> figures for the log, means over the batches: the hard Dice of the first and the last round, the loss of the
        classes, the whole loss, the last round's error of the IoU and loss of its draft, the loss of the keys, and the
        coarse embedding's spatial share.
        """
        for optimizer in self._optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate
        for part in (self._model, self._semantics):
            if part is not None:
                part.zero_grad(set_to_none=True)
        last_rounds = [int(self._rng.integers(1, self._rounds)) if self._rounds > 1 else 0 for _ in batches]
        if self._fabric.world_size > 1:  # else all would wait for the one with most rounds
            last_rounds = self._fabric.broadcast(last_rounds)
        records = []
        for number, (batch, last) in enumerate(zip(batches, last_rounds), 1):
            with self._fabric.no_backward_sync(self._model, enabled=number < len(batches)):
                total, record = self._learnt(batch, last)
                self._fabric.backward(total / len(batches))
            records.append(record)
        for weight in self._semantics.parameters() if self._semantics is not None else ():
            # Not by Fabric: it averages while gradients arrive, and those of two modules would have to arrive in the
            # same order in every process.
            weight.grad = self._fabric.all_reduce(weight.grad, reduce_op="mean")
        # All of the model's gradients together; which optimizer is named matters to no strategy that is used here.
        self._fabric.clip_gradients(self._model, self._optimizers[0], max_norm=1.0, error_if_nonfinite=False)
        for optimizer in self._optimizers:
            optimizer.step()
        return {key: sum(record[key] for record in records) / len(records) for key in records[0]}

    def _learnt(self, batch: TrainingBatch, last: int) -> Tuple[Tensor, Dict[str, float]]:
        """The whole loss of one batch after the rounds 0 and `last`, and its figures for the log."""
        image, targets, classes = batch
        truth = targets.flatten(0, 1)
        wanted = truth[:, None].to(image)
        user = SimulatedUser(self._rng, truth)
        previous = earlier_masks(self._rng, truth)
        image = image.contiguous(memory_format=torch.channels_last_3d)
        with self._fabric.autocast():  # which Fabric does by itself around `forward` only
            once = self._model.embed(image)
            embedding = once.repeat(targets.shape[1])
        total, record = 0.0, {}
        for number in range(last + 1):
            user.look(previous[:, 0] > 0, first=number == 0)
            learns = number in (0, last)
            prompts = user.prompts(previous)
            with torch.set_grad_enabled(learns), self._fabric.autocast():
                prediction = self._model.decode(embedding, prompts)
            if number == 0:
                keys = self._loss_of_keys(embedding, prompts, wanted)
            if learns:
                losses = self._loss(prediction, wanted)
                total = total + losses.total / (2 if last else 1)
                record["dice_last" if number else "dice_first"] = float(losses.dice)
            previous = prediction.logits.detach()
        record.setdefault("dice_last", record["dice_first"])
        total = total + _KEYS_WEIGHT * keys
        if self._semantics is not None:
            with self._fabric.autocast():
                semantics = self._semantics(once, classes)
            total = total + _SEMANTICS_WEIGHT * semantics
            record["semantics"] = float(semantics.detach())
        return total, {
            **record,
            "loss": float(total.detach()),
            "iou_error": float(losses.iou.detach()) ** 0.5,
            "draft": float(losses.draft.detach()),
            "keys": float(keys.detach()),
            "spatial_share": spatial_share(embedding.coarse.detach()),
        }

    def _loss_of_keys(self, embedding: ImageEmbedding, prompts: Prompts, wanted: Tensor) -> Tensor:
        with self._fabric.autocast():
            likeness = PromptEncoder.similarities(prompts, embedding)[:, _BEST_FOREGROUND]
        return self._key_loss(likeness, wanted, (prompts.labels == FOREGROUND).any(1))


def spatial_share(features: Tensor) -> float:
    """Of the root mean square of features (B, C, D, H, W), the part that varies within a tile: 0 to 1.

    Near 0 they say nothing of the image.
    """
    features = features.float()
    return float((features.var((2, 3, 4), correction=0).mean() / features.square().mean().clamp(min=1e-12)).sqrt())
