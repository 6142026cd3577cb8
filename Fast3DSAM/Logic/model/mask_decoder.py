"""The mask decoder: two-way attention, thin convolutions up to 1/2, eight voxels from each of those, its own IoU."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .config import ModelConfig
from .convolution import Convolution3D, UpsampleLinear, doubled, to_fine_grid
from .detail import residual_blocks
from .image_encoder import GREY_CHANNELS, ImageEmbedding
from .prompt_encoder import EncodedPrompts

_SIZES = 48.0**3  # the estimated IoU tells sizes apart down to this part of a tile


class MaskPrediction(NamedTuple):
    """`logits` (B, 1, D, H, W), `iou` (B,) estimated in 0..1, `draft` (B, 1, D/8, H/8, W/8) logits."""

    logits: Tensor
    iou: Tensor
    draft: Tensor


class CrossAttention(nn.Module):
    """Multi-head attention of `queries` (B, Q, C) to `keys` (B, K, C); `valid` (B, K) hides padding."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.proj = nn.Linear(width, width)

    def forward(self, queries: Tensor, keys: Tensor, values: Tensor, valid: Tensor = None) -> Tensor:
        def split(x: Tensor) -> Tensor:
            return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)

        mask = None if valid is None else valid[:, None, None, :]
        mixed = F.scaled_dot_product_attention(
            split(self.query(queries)), split(self.key(keys)), split(self.value(values)), attn_mask=mask
        )
        return self.proj(mixed.transpose(1, 2).flatten(2))


class TwoWayBlock(nn.Module):
    """Tokens look at each other, then at the image; then the image looks at the tokens (as in SAM)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.self_attention = CrossAttention(width, heads)
        self.token_to_image = CrossAttention(width, heads)
        self.image_to_token = CrossAttention(width, heads)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(4))
        self.image_norm = nn.LayerNorm(width)

    def forward(self, tokens: Tensor, valid: Tensor, image: Tensor, position: Tensor):
        """tokens (B, N, C), image (B, V, C), position (1, V, C) -> both updated."""
        normed = self.norms[0](tokens)
        tokens = tokens + self.self_attention(normed, normed, normed, valid)
        seen = self.image_norm(image)
        tokens = tokens + self.token_to_image(self.norms[1](tokens), seen + position, seen)
        tokens = tokens + self.mlp(self.norms[2](tokens))
        normed = self.norms[3](tokens)
        return tokens, image + self.image_to_token(seen + position, normed, normed, valid)


class MaskDecoder(nn.Module):
    """Cached image embedding + encoded prompts -> `MaskPrediction`."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        half, quarter = config.decoder_widths
        coarse, thin = config.neck_width, config.thin_width
        self.mask_token = nn.Parameter(torch.randn(1, 1, coarse) * 0.02)
        self.iou_token = nn.Parameter(torch.randn(1, 1, coarse) * 0.02)
        self.two_way = nn.ModuleList(TwoWayBlock(coarse, 4) for _ in range(config.decoder_depth))
        self.at_coarse = residual_blocks(coarse, 2)
        self.to_quarter = UpsampleLinear(coarse, quarter)
        self.at_quarter = residual_blocks(quarter, config.decoder_blocks)
        self.to_half = UpsampleLinear(quarter, half)
        self.thin = Convolution3D(half, thin, 1)
        self.at_half = nn.ModuleList(Convolution3D(thin, thin, 3, padding=1) for _ in range(2))
        seen = half + thin + 8 * GREY_CHANNELS
        # What the eight voxels inside a voxel of the 1/2 grid differ by; new, it adds nothing to the interpolated mask.
        self.fine = nn.Sequential(
            Convolution3D(seen, config.fine_width, 1),
            nn.ReLU(inplace=True),
            Convolution3D(config.fine_width, 8, 1),
        )
        nn.init.zeros_(self.fine[2].weight)
        nn.init.zeros_(self.fine[2].bias)
        self.hyper = nn.Sequential(nn.Linear(coarse, coarse), nn.GELU(), nn.Linear(coarse, seen + 1))
        # The draft comes from the coarse embedding alone. It has a loss of its own: without one the transformer learns
        # nothing, since the detail features answer most clicks soon and the rest slowly.
        self.draft_hyper = nn.Sequential(nn.Linear(coarse, coarse), nn.GELU(), nn.Linear(coarse, coarse + 1))
        self.from_draft = nn.Linear(1, coarse)
        self.iou_head = nn.Sequential(nn.Linear(2 * coarse + 2, coarse), nn.GELU(), nn.Linear(coarse, 1))

    def forward(self, embedding: ImageEmbedding, prompts: EncodedPrompts, position: Tensor) -> MaskPrediction:
        """`position` (1, V, C): the encoding of the coarse grid, see `PromptEncoder.grid_position`."""
        batch = len(prompts.tokens)
        image = embedding.coarse + prompts.coarse
        grid = image.shape[2:]
        image = image.flatten(2).transpose(1, 2)
        own = torch.cat([self.mask_token, self.iou_token], 1).expand(batch, -1, -1).to(prompts.tokens.dtype)
        tokens = torch.cat([own, prompts.tokens], 1)
        valid = F.pad(prompts.valid, (2, 0), value=True)
        for block in self.two_way:
            tokens, image = block(tokens, valid, image, position)
        image = image.transpose(1, 2).unflatten(2, grid)
        draft = _drawn(self.draft_hyper(tokens[:, 0]), embedding.coarse)
        coarse = self.at_coarse(image + self.from_draft(draft.sigmoid().movedim(1, -1)).movedim(-1, 1))
        quarter = self.at_quarter(self.to_quarter(coarse) + embedding.quarter + prompts.quarter)
        half = F.relu(self.to_half(quarter) + embedding.half + prompts.half)
        thin = self.thin(half)
        for convolution in self.at_half:
            thin = thin + F.relu(convolution(thin))
        voxels = torch.cat([half, thin, embedding.fine], 1)
        rough = _drawn(self.hyper(tokens[:, 0]), voxels)
        logits = doubled(rough.float()) + to_fine_grid(self.fine(voxels))
        return MaskPrediction(logits.float(), self._iou(logits.detach().float(), coarse, tokens[:, 1]), draft.float())

    def _iou(self, logits: Tensor, coarse: Tensor, token: Tensor) -> Tensor:
        """From the IoU token, what the mask covers, its size, and how sure its voxels are."""
        inside = logits.sigmoid()
        share = F.adaptive_avg_pool3d(inside, coarse.shape[2:])
        covered = (coarse.float() * share).sum((2, 3, 4)) / (share.sum((2, 3, 4)) + 1e-3)
        size = torch.log10(inside.mean((1, 2, 3, 4)) * _SIZES + 1) / 4  # a share: the same for tiles of any size
        sure = (inside * inside).sum((1, 2, 3, 4)) / (inside.sum((1, 2, 3, 4)) + 1e-3)
        features = torch.cat([token.float(), covered, size[:, None], sure[:, None]], 1)
        return self.iou_head(features)[:, 0].float().sigmoid()


def _drawn(hyper: Tensor, features: Tensor) -> Tensor:
    """Logits (B, 1, d, h, w): features (B, C, d, h, w) weighted by a token's `hyper` (B, C + 1), its last an offset."""
    weights, offset = hyper[:, :-1, None], hyper[:, -1:, None, None, None]
    mask = features.permute(0, 2, 3, 4, 1).flatten(1, 3) @ weights
    return mask.transpose(1, 2).unflatten(2, features.shape[2:]) + offset
