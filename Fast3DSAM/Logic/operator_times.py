"""Where a network's seconds go, operator by operator, as torch's profiler sees it on this processor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Dict, Tuple

import torch
from torch.profiler import ProfilerActivity, profile

from .checkpoints import ready_for_inference
from .model.build import build_model
from .model.config import ModelConfig
from .profile import random_image, some_clicks

_WARM_UP = 3


@dataclass(frozen=True)
class OperatorTime:
    """One kind of operator in one run: how often it was called, its own milliseconds, its share of the run."""

    name: str
    calls: int
    milliseconds: float
    share: float


def operator_times(
    config: ModelConfig, size: int = 0, repeats: int = 10, most: int = 12
) -> Dict[str, Tuple[OperatorTime, ...]]:
    """The `most` expensive operators "once" (embedding a tile of `size`^3) and "per click" (five so far), by time.

    Means of `repeats` runs after a warm-up, random weights, LoRA merged. The profiler itself costs a microsecond or two
    per call, so operators that are called a thousand times look worse than they are.
    """
    size = size or config.tile_size
    model = ready_for_inference(build_model(config))
    image = random_image(config, size)
    with torch.inference_mode():
        embedding = model.embed(image)
        return {
            "once": _measured(lambda: model.embed(image), repeats, most),
            "per click": _measured(lambda: model.decode(embedding, some_clicks(size, "cpu")), repeats, most),
        }


def _measured(call: Callable[[], Any], repeats: int, most: int) -> Tuple[OperatorTime, ...]:
    for _ in range(_WARM_UP):
        call()
    with profile(activities=[ProfilerActivity.CPU]) as seen:
        for _ in range(repeats):
            call()
    events = sorted(seen.key_averages(), key=lambda event: -event.self_cpu_time_total)
    whole = sum(event.self_cpu_time_total for event in events)
    return tuple(
        OperatorTime(
            event.key.replace("aten::", ""),
            round(event.count / repeats),
            event.self_cpu_time_total / repeats / 1000,
            event.self_cpu_time_total / whole,
        )
        for event in events[:most]
    )
