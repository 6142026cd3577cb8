"""Samples kept on the device, where it learns faster than processors can make new ones."""

from __future__ import annotations

import queue
import threading
from typing import Iterable, Iterator, List, NamedTuple

import numpy as np
import torch
from torch import Tensor


class TrainingBatch(NamedTuple):
    """What a step learns from: images (B, 3, n, n, n), targets (B, K, n, n, n) bool, classes (B, n / 4, ...)."""

    image: Tensor
    targets: Tensor
    classes: Tensor


class Replay:
    """The latest `capacity` samples on `device`; new ones take the place of the oldest while training goes on.

    Images are kept in half precision. What is drawn when depends on how fast the makers are, so a run with replay can
    be resumed but not repeated.
    """

    def __init__(self, batches: Iterable[List[Tensor]], capacity: int, device: torch.device, waiting: int = 64) -> None:
        """`batches` of samples (see `data_engine.Sample`), endless, are taken by a thread, `waiting` ahead.

        `capacity` is at least what a step draws.
        """
        self._capacity, self._device = capacity, device
        self._arrived: queue.Queue = queue.Queue(waiting)
        self._kept: List[Tensor] = []
        self.made = 0
        threading.Thread(target=self._take, args=(iter(batches),), daemon=True).start()

    def draw(self, rng: np.random.Generator, images: int, targets: int) -> TrainingBatch:
        """`images` different samples, of each `targets` of the targets that it has, the first of them more often.

        Waits only until there are that many. Raises what went wrong where the samples are made.
        """
        while self.made < images or not self._arrived.empty():
            self._keep(self._arrived.get())
        rows = torch.from_numpy(rng.choice(min(self.made, self._capacity), images, replace=False)).to(self._device)
        image, masks, classes = (kept[rows] for kept in self._kept)
        keys = rng.random((images, masks.shape[1]))
        keys[:, 0] *= 0.5  # the label that the crop was framed for
        chosen = torch.from_numpy(np.argsort(keys, 1)[:, :targets]).to(self._device)
        return TrainingBatch(image.float(), masks[torch.arange(images, device=self._device)[:, None], chosen], classes)

    def _take(self, batches: Iterator[List[Tensor]]) -> None:
        try:
            for image, targets, classes in batches:
                parts = (image.half(), targets, classes)
                self._arrived.put([t.pin_memory() for t in parts] if self._device.type == "cuda" else parts)
        except Exception as error:  # told to who waits for samples
            self._arrived.put(error)

    def _keep(self, batch) -> None:
        if isinstance(batch, Exception):
            raise batch
        if not self._kept:
            self._kept = [t.new_empty((self._capacity, *t.shape[1:]), device=self._device) for t in batch]
        places = ((torch.arange(len(batch[0])) + self.made) % self._capacity).to(self._device)
        for kept, new in zip(self._kept, batch):
            kept[places] = new.to(self._device, non_blocking=True)
        self.made += len(places)
