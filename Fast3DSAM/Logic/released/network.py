"""The released network as one torch module with the four steps of a click."""

from __future__ import annotations

from typing import Sequence

import torch
from torch import Tensor, nn

from . import clicks as click_drawing
from .image_encoder import ReleasedImageEncoder
from .mask_decoder import ReleasedMaskDecoder
from .prompt_encoder import ReleasedPromptEncoder
from .published import CROP, EMBEDDING, GRID, STEM_CHANNELS, WIDTH


class ReleasedNetwork(nn.Module):
    """Fast 3D SAM as released, for inference in float32. `image_tokens` depends on the volume alone: keep it per crop.

    A crop is 128^3 voxels of 1 mm, clipped to the intensity range of its data set and z-scored.
    """

    def __init__(self) -> None:
        super().__init__()
        self.image_encoder = ReleasedImageEncoder()
        self.prompt_encoder = ReleasedPromptEncoder()
        self.mask_decoder = ReleasedMaskDecoder()

    @staticmethod
    def click_maps(positive: Sequence[Sequence[float]], negative: Sequence[Sequence[float]]) -> Tensor:
        """Lists of clicks as (D, H, W) voxels -> maps (1, 2, 128, 128, 128). `InvalidPromptError` outside the crop."""
        return click_drawing.click_maps(positive, negative)

    @torch.no_grad()
    def prompt_features(self, clicks: Tensor) -> Tensor:
        """Click maps (B, 2, 128, 128, 128) -> (B, 768, 16, 16, 16), axes D, H, W."""
        _expect("clicks", clicks, (STEM_CHANNELS[0], CROP, CROP, CROP))
        return self.prompt_encoder(clicks)

    @torch.no_grad()
    def image_tokens(self, volume: Tensor) -> Tensor:
        """Normalised volume (B, 128, 128, 128) axes D, H, W -> (B, 64, 64, 768), tokens in the order of windows."""
        _expect("volume", volume, (CROP, CROP, CROP))
        return self.image_encoder.image_tokens(volume)

    @torch.no_grad()
    def embed_tokens(self, tokens: Tensor, prompt: Tensor) -> Tensor:
        """`image_tokens` and `prompt_features` -> embedding (B, 256, 16, 16, 16), axes H, W, D. Changes neither."""
        _expect("prompt", prompt, (WIDTH, GRID, GRID, GRID))
        return self.image_encoder(tokens, prompt)

    def embed(self, volume: Tensor, prompt: Tensor) -> Tensor:
        """Volume (B, 128, 128, 128) axes D, H, W and `prompt_features` -> (B, 256, 16, 16, 16), axes H, W, D."""
        return self.embed_tokens(self.image_tokens(volume), prompt)

    @torch.no_grad()
    def decode(self, embedding: Tensor) -> Tensor:
        """Embedding (B, 256, 16, 16, 16) axes H, W, D -> logits (B, 2, 128, 128, 128) axes D, H, W; class 1: mask."""
        _expect("embedding", embedding, (EMBEDDING, GRID, GRID, GRID))
        return self.mask_decoder(embedding)


def _expect(name: str, tensor: Tensor, shape: Sequence[int]) -> None:
    if tuple(tensor.shape[1:]) != tuple(shape) or not tensor.is_floating_point():
        wanted = ", ".join(map(str, shape))
        raise ValueError(
            f"{name} is {tensor.dtype} of shape {tuple(tensor.shape)}; give float32 of shape (batch, {wanted})."
        )
