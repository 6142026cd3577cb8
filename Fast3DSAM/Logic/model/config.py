"""Every number of the network, in one place."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Dict, Tuple

from ..errors import CheckpointError


@dataclass(frozen=True)
class ModelConfig:
    """One network of the Fast 3D SAM family. Sizes in voxels, widths in channels.

    `tile_size` is the edge of the cubic tile that the session feeds; the network itself takes any multiple of
    `patch_size`. `window` tokens per axis form a clustering window with `centres` super tokens per axis each.
    """

    name: str
    tile_size: int
    width: int
    depth: int
    heads: int
    mlp_ratio: float
    patch_size: int = 8
    patches_from_detail: bool = True  # patch embedding on the 1/4 features; False: SAM's own, on the image
    position_size: int = 8  # tokens per axis of the stored position tables; interpolated to the grid at hand
    # SAM's decomposed relative positions, along the two in-slice axes. Without clustering such a block is SAM's own: it
    # sees each slice by itself, in windows of `attention_window` tokens or, for `global_blocks`, whole.
    relative_position: bool = False
    attention_window: int = 14
    global_blocks: Tuple[int, ...] = ()
    clustering: bool = True
    window: int = 4
    centres: int = 2
    cluster_iterations: int = 2
    # False is the paper's order: attention among super tokens, upsampling, feed-forward network on all tokens. True
    # runs that network on the super tokens too and upsamples the sum of both changes, once per block.
    feed_forward_on_clusters: bool = False
    lora_rank: int = 4
    adapter_width: int = 32
    neck_width: int = 64  # of the coarse embedding, which prompts and decoder work on
    neck_hidden: int = 0  # SAM's neck is this wide inside and then narrowed to `neck_width`; 0: as wide as `neck_width`
    detail_widths: Tuple[int, int] = (24, 48)  # at 1/2 and 1/4
    detail_blocks: Tuple[int, int] = (1, 1)  # residual blocks at 1/4, where voxels are few: on the way down and up
    decoder_widths: Tuple[int, int] = (16, 32)  # at 1/2 and 1/4
    key_widths: Tuple[int, int] = (8, 16)  # similarity keys at 1/2 and 1/4
    thin_width: int = 16  # 3x3x3 convolutions per click at 1/2 resolution, where voxels are many
    fine_width: int = 32  # between the 1/2 grid and the eight voxels inside each of its voxels
    decoder_depth: int = 2
    decoder_blocks: int = 1  # residual blocks per click at 1/4
    in_channels: int = 3

    def __post_init__(self) -> None:
        if self.tile_size % self.patch_size:
            raise ValueError(f"tile_size {self.tile_size} must be a multiple of patch_size {self.patch_size}")
        if self.width % self.heads:
            raise ValueError(f"width {self.width} must be a multiple of heads {self.heads}")
        if self.window % self.centres:
            raise ValueError(f"window {self.window} must be a multiple of centres {self.centres}")

    def without_clustering(self) -> ModelConfig:
        """The same network with attention among all tokens, or SAM's own: to compare the two."""
        return replace(self, name=f"{self.name}_without_clustering", clustering=False)

    def to_dict(self) -> Dict[str, Any]:
        """Plain values, as stored in a checkpoint."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Dict[str, Any]) -> ModelConfig:
        """Raises `CheckpointError` for fields that this version does not know."""
        unknown = set(values) - {f.name for f in fields(cls)}
        if unknown:
            raise CheckpointError(
                f"The checkpoint's configuration has unknown fields {sorted(unknown)}; "
                "it was made by a newer version, update Fast3DSAM."
            )
        tuples = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        return cls(**tuples)


SMALL = ModelConfig(
    name="small", tile_size=64, width=128, depth=4, heads=4, mlp_ratio=3.0, detail_blocks=(3, 2), decoder_blocks=3
)

# SAM ViT-B's sizes. At a 128^3 tile the feed-forward network on all 4,096 tokens would cost 232 GMACs, more than all
# else together, so it runs on the 512 super tokens: Liang et al. (Expediting Large-Scale Vision Transformer for Dense
# Prediction without Fine-tuning, NeurIPS 2022) run whole frozen blocks on clustered tokens that way. The depthwise
# adapter behind it still sees every token. The decoder is as narrow as its clicks must be cheap.
VIT_B = ModelConfig(
    name="vit_b",
    tile_size=128,
    width=768,
    depth=12,
    heads=12,
    mlp_ratio=4.0,
    patches_from_detail=False,
    position_size=64,
    relative_position=True,
    global_blocks=(2, 5, 8, 11),
    feed_forward_on_clusters=True,
    lora_rank=4,
    adapter_width=32,
    neck_width=96,
    neck_hidden=256,
)

CONFIGS = {config.name: config for config in (SMALL, VIT_B)}
