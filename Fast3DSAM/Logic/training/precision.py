"""Which precision trains fastest on the processor at hand."""

from __future__ import annotations

import torch

_CPU_INSTRUCTIONS = ("avx512_bf16", "amx_bf16")


def chosen_precision(name: str) -> str:
    """Lightning Fabric's name of a precision; "auto" is bf16-mixed where the processor has bfloat16, else 32-true.

    A CPU without it computes in bfloat16 all the same, several times slower than in float32.
    """
    if name != "auto":
        return name
    if torch.cuda.is_available():
        has_bfloat16 = torch.cuda.is_bf16_supported()
    else:
        capabilities = getattr(torch.cpu, "get_capabilities", dict)()  # PyTorch before 2.10 does not say
        has_bfloat16 = any(capabilities.get(name) for name in _CPU_INSTRUCTIONS)
    return "bf16-mixed" if has_bfloat16 else "32-true"
