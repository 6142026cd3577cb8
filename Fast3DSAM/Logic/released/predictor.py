"""The released network behind the session's `Predictor` interface."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Sequence, Tuple, Union

import numpy as np
import torch
from torch import Tensor

from ..checkpoints import file_hash
from ..devices import describe_device
from ..prediction import TilePrediction, TilePrompts
from .load import load_released
from .network import ReleasedNetwork
from .published import CROP


@dataclass(frozen=True)
class ReleasedEmbedding:
    """What a crop leaves behind: its tokens before the first block, which no prompt changes."""

    tokens: Tensor

    @property
    def nbytes(self) -> int:
        return self.tokens.numel() * self.tokens.element_size()


class ReleasedPredictor:
    """Fast 3D SAM as released, on the CPU: every click costs an encoder pass, since its prompts enter before block 1.

    The network knows clicks alone: a box becomes a click in its middle, and the previous mask is not used. It has no
    IoU head either; the estimate is the mean foreground probability inside the mask.
    """

    tile_size = CROP

    def __init__(self, network: ReleasedNetwork, fingerprint: str) -> None:
        self._network = network.eval()
        self.fingerprint = fingerprint
        self.device_name = f"{describe_device(torch.device('cpu'))}; released network: a whole encoder pass per click"

    @classmethod
    def load(cls, path: Union[str, Path]) -> ReleasedPredictor:
        """From a released or an imported checkpoint. Raises `CheckpointError`."""
        return cls(load_released(path), file_hash(path))

    def embed(self, voxels: np.ndarray, inside: np.ndarray) -> ReleasedEmbedding:
        """A tile's voxels (128, 128, 128) as (k, j, i), that is D, H, W; clipped to its percentiles and z-scored."""
        sample = voxels[::2, ::2, ::2][inside[::2, ::2, ::2]]
        low, high = np.quantile(sample if sample.size else voxels, [0.005, 0.995])
        clipped = np.clip(voxels, low, high).astype(np.float32)
        within = clipped[inside] if inside.any() else clipped
        scaled = (clipped - within.mean()) / (within.std() + 1e-6)
        return ReleasedEmbedding(self._network.image_tokens(torch.from_numpy(scaled)[None]))

    def decode(self, embedding: ReleasedEmbedding, prompts: Sequence[TilePrompts]) -> Tuple[TilePrediction, ...]:
        """One encoder pass per prompt set; logits (foreground minus background) on the tile's grid."""
        return tuple(self._decoded(embedding, prompt) for prompt in prompts)

    def _decoded(self, embedding: ReleasedEmbedding, prompt: TilePrompts) -> TilePrediction:
        points = np.clip(prompt.points, 0, CROP - 1)
        positive, negative = list(points[prompt.positive]), list(points[~prompt.positive])
        if prompt.box is not None and not positive:
            positive.append(np.clip(prompt.box.mean(0), 0, CROP - 1))
        with torch.inference_mode():
            features = self._network.prompt_features(self._network.click_maps(positive, negative))
            classes = self._network.decode(self._network.embed_tokens(embedding.tokens, features))
            logits = (classes[:, 1] - classes[:, 0])[0]
            inside = logits.sigmoid()[logits > 0]
        return TilePrediction(logits.numpy(), float(inside.mean()) if len(inside) else 0.0)

    def pack(self, embedding: ReleasedEmbedding) -> Dict[str, np.ndarray]:
        """float16 tokens."""
        return {"tokens": embedding.tokens.half().numpy()}

    def unpack(self, arrays: Dict[str, np.ndarray]) -> ReleasedEmbedding:
        """Back from `pack`'s arrays."""
        return ReleasedEmbedding(torch.from_numpy(arrays["tokens"]).float())
