"""The whole network: image encoder, prompt encoder, mask decoder."""

from __future__ import annotations

from torch import Tensor, nn

from .config import ModelConfig
from .image_encoder import ImageEmbedding, ImageEncoder3D
from .mask_decoder import MaskDecoder, MaskPrediction
from .prompt_encoder import PromptEncoder, Prompts


class Fast3DSAM(nn.Module):
    """Fast 3D SAM (ISBI 2024): embed a tile once, then decode clicks on the cached embedding."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.image_encoder = ImageEncoder3D(config)
        self.prompt_encoder = PromptEncoder(config)
        self.mask_decoder = MaskDecoder(config)

    def embed(self, image: Tensor) -> ImageEmbedding:
        """Normalised tiles (B, in_channels, D, H, W) -> `ImageEmbedding`."""
        return self.image_encoder(image)

    def decode(self, embedding: ImageEmbedding, prompts: Prompts) -> MaskPrediction:
        """One target per row: logits (B, 1, D, H, W) and estimated IoU (B,)."""
        encoded = self.prompt_encoder(prompts, embedding)
        position = self.prompt_encoder.grid_position(embedding.coarse.shape[2:], embedding.coarse.device)
        return self.mask_decoder(embedding, encoded, position.to(encoded.tokens.dtype))

    def forward(self, image: Tensor, prompts: Prompts) -> MaskPrediction:
        """Embed and decode, for training with one target per image."""
        return self.decode(self.embed(image), prompts)
