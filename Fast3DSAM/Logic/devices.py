"""Which processor to compute on, and in which precision."""

from __future__ import annotations

import logging

import torch

from .errors import DeviceError

_logger = logging.getLogger(__name__)
_BFLOAT16_INSTRUCTIONS = ("avx512_bf16", "amx_bf16")


def choose_device(name: str = "auto") -> torch.device:
    """`auto` takes CUDA, then Apple's MPS, then the CPU; a named GPU that is absent falls back to the CPU and says so.

    Raises `DeviceError` for a name that is none of auto, cpu, cuda, cuda:N, mps.
    """
    kind, _, number = name.partition(":")
    if kind not in ("auto", "cpu", "cuda", "mps") or (":" in name and not (kind == "cuda" and number.isdecimal())):
        raise DeviceError(f"There is no device {name!r}; choose auto, cpu, cuda or mps.")
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if kind == "auto":
        return torch.device("cuda" if cuda else "mps" if mps else "cpu")
    if (kind == "cuda" and not cuda) or (kind == "mps" and not mps):
        _logger.warning("%s is not available on this computer; Fast3DSAM uses the CPU instead.", name)
        return torch.device("cpu")
    if number and int(number) >= torch.cuda.device_count():
        raise DeviceError(f"There is no {name}; this computer has {torch.cuda.device_count()} CUDA device(s).")
    return torch.device(name)


def describe_device(device: torch.device) -> str:
    """One phrase for the screen: "CPU, 2 threads", "NVIDIA ..., CUDA 12.4"."""
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)}, CUDA {torch.version.cuda}"
    if device.type == "mps":
        return "Apple GPU (MPS)"
    return f"CPU, {torch.get_num_threads()} threads"


def choose_precision(device: torch.device) -> torch.dtype:
    """In what a network answers soonest: float16 on CUDA, bfloat16 on a CPU with instructions for it, else float32."""
    if device.type == "cuda":
        return torch.float16
    return torch.bfloat16 if device.type == "cpu" and processor_has_bfloat16() else torch.float32


def processor_has_bfloat16() -> bool:
    """Whether the CPU computes in bfloat16 itself: others do it all the same, several times slower than in float32."""
    capabilities = getattr(torch.cpu, "get_capabilities", dict)()  # PyTorch before 2.10 does not say
    return any(capabilities.get(name) for name in _BFLOAT16_INSTRUCTIONS)
