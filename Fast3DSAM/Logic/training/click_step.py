"""One optimiser step: one image embedding serves several targets and several rounds of clicks."""

from __future__ import annotations

from typing import Any, Dict, Optional, Sequence

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor

from ..model.image_encoder import ImageEmbedding
from ..model.prompt_encoder import FOREGROUND, PromptEncoder, Prompts
from .losses import ClickLoss, KeyLoss
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

    def __call__(self, image: Tensor, targets: Tensor, classes: Tensor, rate: float) -> Dict[str, float]:
        """Images (B, 3, n, n, n), targets (B, K, n, n, n) bool, classes (B, n/4, ...) -> figures for the log.

        These are the hard Dice of the first and the last round, the loss of the classes, the whole loss, the last
        round's error of the IoU and loss of its draft, the loss of the keys, and the coarse embedding's spatial share.
        """
        for optimizer in self._optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate
        truth = targets.flatten(0, 1)
        wanted = truth[:, None].to(image)
        user = SimulatedUser(self._rng, truth)
        previous = earlier_masks(self._rng, truth)
        image = image.contiguous(memory_format=torch.channels_last_3d)
        with self._fabric.autocast():  # which Fabric does by itself around `forward` only
            once = self._model.embed(image)
            embedding = once.repeat(targets.shape[1])
        last = int(self._rng.integers(1, self._rounds)) if self._rounds > 1 else 0
        if self._fabric.world_size > 1:  # else all would wait for the one with most rounds
            last = self._fabric.broadcast(last)
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
        for part in (self._model, self._semantics):
            if part is not None:
                part.zero_grad(set_to_none=True)
        self._fabric.backward(total)
        for weight in self._semantics.parameters() if self._semantics is not None else ():
            # Not by Fabric: it averages while gradients arrive, and those of two modules would have to arrive in the
            # same order in every process.
            weight.grad = self._fabric.all_reduce(weight.grad, reduce_op="mean")
        # All of the model's gradients together; which optimizer is named matters to no strategy that is used here.
        self._fabric.clip_gradients(self._model, self._optimizers[0], max_norm=1.0, error_if_nonfinite=False)
        for optimizer in self._optimizers:
            optimizer.step()
        return {
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
