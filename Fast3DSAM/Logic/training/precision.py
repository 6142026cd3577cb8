"""Which precision trains fastest on the processor at hand."""

from __future__ import annotations

import torch

from ..devices import processor_has_bfloat16


def chosen_precision(name: str) -> str:
    """Lightning Fabric's name of a precision; "auto" is bf16-mixed where the processor has bfloat16, else 32-true."""
    if name != "auto":
        return name
    has_bfloat16 = torch.cuda.is_bf16_supported() if torch.cuda.is_available() else processor_has_bfloat16()
    return "bf16-mixed" if has_bfloat16 else "32-true"
