"""One optimiser step: one image embedding serves several targets and several rounds of clicks."""

from __future__ import annotations

from typing import Any, Dict

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor

from .losses import ClickLoss
from .simulated_user import SimulatedUser, earlier_masks


class ClickStep:
    """Clicks, decodes, compares, `rounds` times, and moves the weights once.

    `model` and `optimizer` are what `fabric.setup` returned; `rng` draws the simulated users' clicks.
    """

    def __init__(self, fabric: Fabric, model: Any, optimizer: Any, rng: np.random.Generator, rounds: int) -> None:
        self._fabric, self._model, self._optimizer = fabric, model, optimizer
        self._rng, self._rounds = rng, rounds
        self._loss = ClickLoss()

    def __call__(self, image: Tensor, targets: Tensor, rate: float) -> Dict[str, float]:
        """Images (B, 3, n, n, n), targets (B, K, n, n, n) bool -> mean Dice of each round, loss, error of the IoU."""
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        truth = targets.flatten(0, 1).cpu().numpy()
        wanted = targets.flatten(0, 1)[:, None].to(image)
        user = SimulatedUser(self._rng, truth)
        previous = torch.from_numpy(earlier_masks(self._rng, truth)).to(image)
        image = image.contiguous(memory_format=torch.channels_last_3d)
        embedding = self._model.embed(image).repeat(targets.shape[1])
        total, record = 0.0, {}
        for number in range(self._rounds):
            user.look((previous[:, 0] > 0).cpu().numpy(), first=number == 0)
            prediction = self._model.decode(embedding, user.prompts(previous))
            losses = self._loss(prediction, wanted)
            total = total + losses.total / self._rounds
            previous = prediction.logits.detach()
            record[f"dice{number + 1}"] = float(losses.dice)
        self._optimizer.zero_grad(set_to_none=True)
        self._fabric.backward(total)
        self._fabric.clip_gradients(self._model, self._optimizer, max_norm=1.0, error_if_nonfinite=False)
        self._optimizer.step()
        return {**record, "loss": float(total.detach()), "iou_error": float(losses.iou.detach()) ** 0.5}
