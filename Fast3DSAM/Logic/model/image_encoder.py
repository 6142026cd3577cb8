"""The image encoder: everything that depends on the image alone, computed once per tile."""

from __future__ import annotations

from typing import NamedTuple, Tuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .adapter import EfficientAdapter
from .attention import SuperTokenAttention
from .config import ModelConfig
from .convolution import Convolution3D, from_fine_grid
from .detail import DetailStem, DetailTopDown, ResidualBlock
from .neck import Neck
from .token_clustering import TokenClustering
from .window_attention import attend_in_slices

GREY_CHANNELS = 2  # of the image's: its grey values and their ranks; the third says where the volume is


class ImageEmbedding(NamedTuple):
    """What a tile leaves behind for its clicks; all (B, channels, D, H, W)."""

    coarse: Tensor  # 1/patch_size, neck_width channels
    quarter: Tensor  # 1/4
    half: Tensor  # 1/2
    quarter_keys: Tensor  # 1/4, unit length: compared with the features under the clicks
    half_keys: Tensor  # 1/2, unit length
    grey: Tensor  # 1/2, the image itself, on which geodesic maps find their way
    fine: Tensor  # 1/2, the image's 2x2x2 voxels as 8 channels each of greys and ranks: where exactly a border is

    def repeat(self, count: int) -> ImageEmbedding:
        """Each image `count` times in a row, for several targets per image."""
        if count == 1:
            return self
        last = (t.movedim(1, -1) for t in self)  # `repeat_interleave` would put the channels first
        return ImageEmbedding(*(t.repeat_interleave(count, 0).movedim(-1, 1) for t in last))

    @property
    def nbytes(self) -> int:
        return sum(t.numel() * t.element_size() for t in self)


def centred(tokens: Tensor) -> Tensor:
    """Tokens (B, D, H, W, C) with mean 0 and variance 1 of each channel over the tile.

    Detail features come out of a ReLU, so that their tokens have most in common; the layer norms of blocks and neck
    would divide by that common part and leave nothing of what tells places apart.
    """
    return F.instance_norm(tokens.flatten(1, 3).transpose(1, 2)).transpose(1, 2).view_as(tokens)


class PatchEmbedding(nn.Module):
    """Patches -> tokens plus 2D position and slice position embedding; tokens are (B, D, H, W, C).

    SAM cuts 16x16 patches from slices that were doubled in size; on the image itself these are `patch_size` = 8 wide,
    and a depthwise map merges `patch_size` slices into one token slice.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        size, width = config.position_size, config.width
        if config.patches_from_detail:
            edge = config.patch_size // 4
            self.proj = Convolution3D(config.detail_widths[1], width, edge, stride=edge)
            self.surroundings = ResidualBlock(width)
        else:
            self.proj = nn.Conv2d(3, width, 2 * config.patch_size, stride=2 * config.patch_size)
            self.merge_slices = nn.Parameter(torch.full((config.patch_size, width), 1 / config.patch_size))
        self.position = nn.Parameter(torch.randn(1, size, size, width) * 0.02)
        self.slice_position = nn.Parameter(torch.randn(1, size, width) * 0.02)

    def forward(self, image: Tensor, quarter: Tensor) -> Tensor:
        if self.config.patches_from_detail:
            tokens = centred(self.surroundings(self.proj(quarter)).permute(0, 2, 3, 4, 1))
        else:
            tokens = self._patches_of_slices(image)
        depth, height, columns = tokens.shape[1:4]
        in_slice = F.interpolate(
            self.position.permute(0, 3, 1, 2), (height, columns), mode="bilinear", align_corners=False
        ).permute(0, 2, 3, 1)
        along = F.interpolate(self.slice_position.transpose(1, 2), depth, mode="linear", align_corners=False)
        return tokens + in_slice[:, None] + along.transpose(1, 2)[:, :, None, None]

    def _patches_of_slices(self, image: Tensor) -> Tensor:
        batch, _, depth = image.shape[:3]
        slices = image[:, :1].transpose(1, 2).flatten(0, 1)
        doubled = F.interpolate(slices, scale_factor=2.0, mode="bilinear", align_corners=False)
        # SAM gets the grey slice as red, green and blue; one channel with the sum of their weights is the same
        patches = F.conv2d(doubled, self.proj.weight.sum(1, keepdim=True), self.proj.bias, self.proj.stride)
        patches = patches.view(batch, depth // self.config.patch_size, self.config.patch_size, *patches.shape[1:])
        return torch.einsum("bdpchw,pc->bdhwc", patches, self.merge_slices)


class Block(nn.Module):
    """Token clustering, attention among super tokens, token upsampling, feed-forward network, efficient adapter."""

    def __init__(self, config: ModelConfig, index: int = 0) -> None:
        """`index`: its place in the encoder, which decides whether SAM's attention is global or in windows."""
        super().__init__()
        width = config.width
        hidden = int(width * config.mlp_ratio)
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.clustering = (
            TokenClustering(width, config.window, config.centres, config.cluster_iterations)
            if config.clustering
            else None
        )
        self.feed_forward_on_clusters = config.clustering and config.feed_forward_on_clusters
        self.in_slices = config.relative_position
        self.window = 0 if index in config.global_blocks else config.attention_window
        relative_size = (self.window or config.position_size) if config.relative_position else 0
        self.attn = SuperTokenAttention(width, config.heads, config.lora_rank, relative_size)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))
        self.adapter = EfficientAdapter(width, config.adapter_width)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, D, H, W, C) -> the same shape."""
        if self.feed_forward_on_clusters:
            return self.adapter(tokens + self._transform_clusters(tokens))
        tokens = tokens + self._attend(self.norm1(tokens))
        tokens = tokens + self.mlp(self.norm2(tokens))
        return self.adapter(tokens)

    def _attend(self, tokens: Tensor) -> Tensor:
        if self.clustering is not None:
            clusters = self.clustering(tokens)
            return self.clustering.upsample(self.attn(clusters.tokens, clusters.centre_grid), clusters)
        if self.in_slices:
            return attend_in_slices(self.attn, tokens, self.window)
        grid = tokens.shape[1:4]
        return self.attn(tokens.flatten(1, 3), tuple(grid)).view_as(tokens)

    def _transform_clusters(self, tokens: Tensor) -> Tensor:
        """What attention and feed-forward network add to the super tokens, upsampled."""
        clusters = self.clustering(self.norm1(tokens))
        before = self.clustering.pool(tokens, clusters)
        after = before + self.attn(self.norm1(before), clusters.centre_grid)
        after = after + self.mlp(self.norm2(after))
        return self.clustering.upsample(after - before, clusters)


class ImageEncoder3D(nn.Module):
    """Normalised tile (B, in_channels, D, H, W) -> `ImageEmbedding`. Takes no prompt."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.stem = DetailStem(config.in_channels, config.detail_widths, config.detail_blocks[0])
        self.patch_embed = PatchEmbedding(config)
        self.blocks = nn.ModuleList(Block(config, index) for index in range(config.depth))
        self.neck = Neck(config.width, config.neck_width, config.neck_hidden)
        self.top_down = DetailTopDown(
            config.detail_widths, config.neck_width, config.decoder_widths, config.detail_blocks[1]
        )
        self.half_key = Convolution3D(config.decoder_widths[0], config.key_widths[0], 1)
        self.quarter_key = Convolution3D(config.decoder_widths[1], config.key_widths[1], 1)

    def forward(self, image: Tensor) -> ImageEmbedding:
        self._check(image.shape)
        half, quarter = self.stem(image)
        tokens = self.patch_embed(image, quarter)
        for block in self.blocks:
            tokens = block(tokens)
        coarse = self.neck(centred(tokens) if self.config.patches_from_detail else tokens)
        half, quarter = self.top_down(half, quarter, coarse)
        keys = F.normalize(self.quarter_key(quarter), dim=1), F.normalize(self.half_key(half), dim=1)
        grey = F.avg_pool3d(image[:, :GREY_CHANNELS], 2)
        # laid out as what each click joins it to, or every decode would lay it out anew: a tenth of its time
        fine = from_fine_grid(image[:, :GREY_CHANNELS]).to(half.dtype, memory_format=torch.channels_last_3d)
        return ImageEmbedding(coarse, quarter, half, *keys, grey, fine)

    def _check(self, shape: Tuple[int, ...]) -> None:
        patch = self.config.patch_size
        if len(shape) != 5 or shape[1] != self.config.in_channels or any(s % patch for s in shape[2:]):
            raise ValueError(
                f"expected (B, {self.config.in_channels}, D, H, W) with D, H, W multiples of {patch}, "
                f"got {tuple(shape)}"
            )
