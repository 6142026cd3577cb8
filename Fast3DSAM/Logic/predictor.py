"""The network behind a session, on this computer."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Dict, Optional, Sequence, Tuple, Union

import numpy as np
import torch
from torch import nn

from .checkpoints import load_model
from .devices import choose_device, choose_precision, describe_device
from .errors import CheckpointError, NotEnoughMemoryError
from .model.fast3dsam import Fast3DSAM
from .model.image_encoder import ImageEmbedding
from .model.prompt_encoder import BACKGROUND, FOREGROUND, PADDING, Prompts
from .prediction import Predictor, TilePrediction, TilePrompts
from .preprocessing import normalised_channels


class LocalPredictor:
    """A `Predictor` over a network in this process, in the precision that answers soonest on the device."""

    def __init__(
        self, model: Fast3DSAM, device: torch.device, fingerprint: str, precision: Optional[torch.dtype] = None
    ) -> None:
        """`precision` float32 computes as exactly as can be; None is `choose_precision`'s. Takes the network over."""
        self._device, self.precision = device, precision or choose_precision(device)
        self._model = model.to(device)
        if self.precision == torch.bfloat16:
            _round_weights(self._model)
        self.tile_size = model.config.tile_size
        self.fingerprint = fingerprint
        self.device_name = describe_device(device)

    @classmethod
    def load(
        cls,
        weights: Optional[Union[str, Path]] = None,
        device: str = "auto",
        delta: Optional[Union[str, Path]] = None,
        precision: Optional[torch.dtype] = None,
    ) -> LocalPredictor:
        """From the bundled or the given weights, with a fine-tuned `delta` if given.

        Raises `CheckpointError`, `DeviceError`.
        """
        chosen = choose_device(device)
        model, fingerprint = load_model(weights, chosen, delta)
        return cls(model, chosen, fingerprint, precision)

    def embed(self, voxels: np.ndarray, inside: np.ndarray) -> ImageEmbedding:
        """One tile: voxels float32 and `inside` bool, both (tile_size,)^3."""
        image = torch.from_numpy(normalised_channels(voxels, inside))[None]
        with self._computing():
            image = image.to(self._device).contiguous(memory_format=torch.channels_last_3d)
            return ImageEmbedding(*(t.detach() for t in self._model.embed(image)))

    def decode(self, embedding: ImageEmbedding, prompts: Sequence[TilePrompts]) -> Tuple[TilePrediction, ...]:
        """All prompt sets in one pass over the same embedding."""
        with self._computing():
            batch = _batched(prompts, self.tile_size, self._device)
            shared = ImageEmbedding(*(t.expand(len(prompts), *t.shape[1:]) for t in embedding))
            prediction = self._model.decode(shared, batch)
            logits, iou = prediction.logits[:, 0].cpu().numpy(), prediction.iou.cpu().numpy()
        return tuple(TilePrediction(mask, float(value)) for mask, value in zip(logits, iou))

    def pack(self, embedding: ImageEmbedding) -> Dict[str, np.ndarray]:
        """float16 arrays by the field's name."""
        return {name: tensor.half().cpu().numpy() for name, tensor in embedding._asdict().items()}

    def unpack(self, arrays: Dict[str, np.ndarray]) -> ImageEmbedding:
        """Back to tensors on this predictor's device, of the types that `embed` gives on a CPU."""
        rounded = torch.bfloat16 if self.precision == torch.bfloat16 else torch.float32
        types = {name: torch.float32 if name == "grey" else rounded for name in arrays}
        return ImageEmbedding(**{k: torch.from_numpy(v).to(self._device, types[k]) for k, v in arrays.items()})

    @contextlib.contextmanager
    def _computing(self):
        is_exact = self.precision == torch.float32
        rounding = contextlib.nullcontext() if is_exact else torch.autocast(self._device.type, self.precision)
        try:
            with torch.inference_mode(), rounding:
                yield
        except (MemoryError, RuntimeError) as error:
            if isinstance(error, MemoryError) or "memory" in str(error).lower():
                raise NotEnoughMemoryError(
                    f"{self.device_name} ran out of memory; close other volumes or programs, or choose the CPU."
                ) from error
            raise


def load_predictor(
    weights: Optional[Union[str, Path]] = None,
    device: str = "auto",
    delta: Optional[Union[str, Path]] = None,
    precision: Optional[torch.dtype] = None,
) -> Predictor:
    """The predictor that fits the file: ours, or the released Fast 3D SAM network's (CPU, no delta).

    Raises `CheckpointError`, `DeviceError`.
    """
    from .released.load import is_released
    from .released.predictor import ReleasedPredictor

    if weights is not None and is_released(weights):
        if delta is not None:
            raise CheckpointError(f"{Path(delta).name} cannot adapt the released network; leave the delta out.")
        return ReleasedPredictor.load(weights)
    return LocalPredictor.load(weights, device, delta, precision)


def _round_weights(model: Fast3DSAM) -> None:
    """Once instead of at every call: autocast would round the same weights again and again."""
    for module in model.modules():
        if isinstance(module, (nn.Linear, nn.Conv2d, nn.Conv3d, nn.ConvTranspose3d)):
            module.to(torch.bfloat16)


def _batched(prompts: Sequence[TilePrompts], size: int, device: torch.device) -> Prompts:
    longest = max(1, max(len(p.points) for p in prompts))
    points = np.zeros((len(prompts), longest, 3), np.float32)
    labels = np.full((len(prompts), longest), PADDING, np.int64)
    boxes = np.full((len(prompts), 2, 3), np.nan, np.float32)
    previous = np.zeros((len(prompts), 1, *[size] * 3), np.float32)
    for row, prompt in enumerate(prompts):
        count = len(prompt.points)
        if count:
            points[row, :count] = prompt.points
            labels[row, :count] = np.where(prompt.positive, FOREGROUND, BACKGROUND)
        if prompt.box is not None:
            boxes[row] = prompt.box
        if prompt.previous is not None:
            previous[row, 0] = prompt.previous
    return Prompts(*(torch.from_numpy(a).to(device) for a in (points, labels, boxes, previous)))
