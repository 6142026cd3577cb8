"""What a network costs: parameters and multiply-accumulates (MACs) per box of the paper, seconds on this machine."""

from __future__ import annotations

import statistics
import time
from dataclasses import asdict, dataclass, replace
from typing import Any, Callable, Dict, List, Tuple

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from .checkpoints import ready_for_inference
from .errors import MissingDependencyError
from .model.build import build_model, freeze_pretrained
from .model.config import ModelConfig
from .model.fast3dsam import Fast3DSAM
from .model.lora import merge_lora
from .model.prompt_encoder import BACKGROUND, FOREGROUND, Prompts

BOXES = (
    "detail features",
    "patch embedding",
    "token clustering",
    "attention",
    "feed-forward",
    "adapter",
    "neck",
    "prompt encoder",
    "mask decoder",
)
_CLICKS = 5
# The first fitting beginning (of a name in the image encoder, or in a block) decides; a block's own work, outside of
# its parts, is the upsampling of the super tokens.
_IN_ENCODER = (("patch_embed", "patch embedding"), ("neck", "neck"), ("blocks", ""), ("", "detail features"))
_IN_BLOCK = (
    ("attn", "attention"),
    ("norm1", "attention"),
    ("mlp", "feed-forward"),
    ("norm2", "feed-forward"),
    ("adapter", "adapter"),
    ("", "token clustering"),
)


@dataclass(frozen=True)
class BoxCost:
    """One box: `trained` of its `parameters`, and its MACs, which are spent once per tile or at each click."""

    name: str
    parameters: int
    trained: int
    macs: int


@dataclass(frozen=True)
class NetworkCost:
    """One configuration on a cubic tile of `size` voxels; seconds are medians, NaN where none were measured."""

    name: str
    clustering: bool
    size: int
    boxes: Tuple[BoxCost, ...]
    seconds_once: float
    seconds_per_click: float

    @property
    def parameters(self) -> int:
        return sum(box.parameters for box in self.boxes)

    @property
    def trained(self) -> int:
        return sum(box.trained for box in self.boxes)

    @property
    def macs_once(self) -> int:
        return sum(box.macs for box in self.boxes if box.name not in BOXES[-2:])

    @property
    def macs_per_click(self) -> int:
        return sum(box.macs for box in self.boxes if box.name in BOXES[-2:])

    def macs_of(self, *names: str) -> int:
        """MACs of the boxes of these names together."""
        return sum(box.macs for box in self.boxes if box.name in names)

    def to_dict(self) -> Dict[str, Any]:
        """Everything, for a JSON file."""
        sums = {key: getattr(self, key) for key in ("parameters", "trained", "macs_once", "macs_per_click")}
        return {**asdict(self), **sums}


def profile_network(config: ModelConfig, clustering: bool = True, size: int = 0, repeats: int = 3) -> NetworkCost:
    """Costs of `config`, or of the same without token clustering, on a tile of `size`^3 (0: the configuration's own).

    What is trained is what stays after `freeze_pretrained` where SAM's weights are the start, else everything but LoRA.
    MACs are those of a click with five clicks so far, LoRA merged, counted by torch without computing. `repeats` 0
    measures no seconds. Raises `ValueError` for a size that is no multiple of the patch size.
    """
    config = replace(config, clustering=config.clustering and clustering)
    size = size or config.tile_size
    if size < 2 * config.patch_size or size % config.patch_size:
        raise ValueError(f"The tile size {size} must be a multiple of {config.patch_size}, at least twice that.")
    with torch.device("meta"):
        empty = build_model(config)
    if config.patches_from_detail:
        _all_but_lora(empty)
    else:
        freeze_pretrained(empty)
    parameters = _sorted_in_boxes((name, p.numel()) for name, p in empty.named_parameters())
    trained = _sorted_in_boxes((name, p.numel()) for name, p in empty.named_parameters() if p.requires_grad)
    macs = _count_macs(merge_lora(empty), size)
    boxes = tuple(BoxCost(name, parameters[name], trained[name], macs[name]) for name in BOXES)
    return NetworkCost(config.name, config.clustering, size, boxes, *_measure_seconds(config, size, repeats))


def _all_but_lora(model: Fast3DSAM) -> None:
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(not name.endswith(("qkv.down", "qkv.up")))


def _box_of(name: str) -> str:
    """The box of a parameter or module by its full name."""
    part, _, rest = name.partition(".")
    if part != "image_encoder":
        return part.replace("_", " ")
    box = next(box for beginning, box in _IN_ENCODER if rest.startswith(beginning))
    if box:
        return box
    within = ".".join(rest.split(".")[2:])
    return next(box for beginning, box in _IN_BLOCK if within.startswith(beginning))


def _sorted_in_boxes(numbers) -> Dict[str, int]:
    sums = dict.fromkeys(BOXES, 0)
    for name, number in numbers:
        sums[_box_of(name)] += number
    return sums


def _count_macs(model: Fast3DSAM, size: int) -> Dict[str, int]:
    """MACs per box, on tensors without content."""
    model.eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        image = torch.zeros(1, model.config.in_channels, size, size, size, device="meta")
        model.decode(model.embed(image), some_clicks(size, "meta"))
    flops = {name: sum(counts.values()) for name, counts in counter.get_flop_counts().items() if name != "Global"}
    if not flops:
        raise MissingDependencyError("Counting per part needs PyTorch 2.4 or newer; run `pip install -U torch`.")
    own = dict(flops)  # a module's sum has its parts inside; what is left without them is its own
    for name, count in flops.items():
        parent = name.rpartition(".")[0]
        while parent and parent not in flops:
            parent = parent.rpartition(".")[0]
        if parent:
            own[parent] -= count
    return _sorted_in_boxes((_renamed(model, name), count // 2) for name, count in own.items())


def _renamed(model: Fast3DSAM, name: str) -> str:
    """The counter calls the outermost module by its class."""
    root, dot, rest = name.partition(".")
    return next(part for part, module in model.named_children() if type(module).__name__ == root) + dot + rest


def _measure_seconds(config: ModelConfig, size: int, repeats: int) -> Tuple[float, float]:
    if not repeats:
        return float("nan"), float("nan")
    model = ready_for_inference(build_model(config))
    image = random_image(config, size)
    with torch.inference_mode():
        embedding = model.embed(image)
        once = _median_seconds(lambda: model.embed(image), repeats)
        return once, _median_seconds(lambda: model.decode(embedding, some_clicks(size, "cpu")), repeats + 1)


def _median_seconds(call: Callable[[], Any], repeats: int) -> float:
    seconds: List[float] = []
    for _ in range(repeats):
        begun = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - begun)
    return statistics.median(seconds)


def random_image(config: ModelConfig, size: int) -> Tensor:
    """A tile of `size`^3 voxels, laid out as the predictor does."""
    image = torch.randn(1, config.in_channels, size, size, size)
    return image.contiguous(memory_format=torch.channels_last_3d)


def some_clicks(size: int, device: str) -> Prompts:
    """Five clicks, alternately inside and outside, and the mask that they corrected."""
    places = torch.linspace(0.3, 0.7, _CLICKS, device=device)[None, :, None].expand(1, -1, 3) * size
    labels = torch.tensor([[FOREGROUND, BACKGROUND] * 2 + [FOREGROUND]], device=device)
    boxes = torch.full((1, 2, 3), float("nan"), device=device)
    return Prompts(places, labels, boxes, torch.zeros(1, 1, *[size] * 3, device=device))
