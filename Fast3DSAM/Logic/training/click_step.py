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
    """Clicks, decodes, compares, and moves the weights once.

    It learns from the first round and from one later round, drawn anew for every step, up to `rounds`: those in between
    only lead there. So masks are learnt after as many clicks as users give, at the price of two rounds' gradients
    (Sofiiuk et al., Reviving Iterative Training with Mask Guidance, ICIP 2022, learn from the last alone).

    `model` and `optimizer` are what `fabric.setup` returned; `rng` draws the simulated users' clicks.
    """

    def __init__(self, fabric: Fabric, model: Any, optimizer: Any, rng: np.random.Generator, rounds: int) -> None:
        self._fabric, self._model, self._optimizer = fabric, model, optimizer
        self._rng, self._rounds = rng, rounds
        self._loss = ClickLoss()

    def __call__(self, image: Tensor, targets: Tensor, rate: float) -> Dict[str, float]:
        """Images (B, 3, n, n, n), targets (B, K, n, n, n) bool -> figures for the log.

        These are the hard Dice of the first and the last round, their mean loss, and the last one's error of the IoU.
        """
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        truth = targets.flatten(0, 1).cpu().numpy()
        wanted = targets.flatten(0, 1)[:, None].to(image)
        user = SimulatedUser(self._rng, truth)
        previous = torch.from_numpy(earlier_masks(self._rng, truth)).to(image)
        image = image.contiguous(memory_format=torch.channels_last_3d)
        embedding = self._model.embed(image).repeat(targets.shape[1])
        last = int(self._rng.integers(1, self._rounds)) if self._rounds > 1 else 0
        total, record = 0.0, {}
        for number in range(last + 1):
            user.look((previous[:, 0] > 0).cpu().numpy(), first=number == 0)
            learns = number in (0, last)
            with torch.set_grad_enabled(learns):
                prediction = self._model.decode(embedding, user.prompts(previous))
            if learns:
                losses = self._loss(prediction, wanted)
                total = total + losses.total / (2 if last else 1)
                record["dice_last" if number else "dice_first"] = float(losses.dice)
            previous = prediction.logits.detach()
        record.setdefault("dice_last", record["dice_first"])
        self._optimizer.zero_grad(set_to_none=True)
        self._fabric.backward(total)
        self._fabric.clip_gradients(self._model, self._optimizer, max_norm=1.0, error_if_nonfinite=False)
        self._optimizer.step()
        return {**record, "loss": float(total.detach()), "iou_error": float(losses.iou.detach()) ** 0.5}
