"""`fast3dsam import-sam`: SAM's weights become the start of a vit_b checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ..errors import VolumeFileError


def import_sam(
    checkpoint: Annotated[Path, typer.Argument(help="sam_vit_b_01ec64.pth, medsam_vit_b.pth or one of that format.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Checkpoint to write.")],
    clustering: Annotated[bool, typer.Option(help="Token clustering; without it each slice is SAM's own.")] = True,
    half: Annotated[bool, typer.Option("--half", help="Store half precision: half the size.")] = False,
) -> None:
    """Put SAM's image encoder into a vit_b network; what SAM lacks is new and has to be trained (`train --start`)."""
    from ..checkpoints import save_model
    from ..model.build import freeze_pretrained
    from ..model.config import VIT_B
    from ..model.sam_weights import import_sam as read_sam

    model = read_sam(checkpoint, VIT_B if clustering else VIT_B.without_clustering())
    if output.exists() and output.samefile(checkpoint):
        raise VolumeFileError(f"{str(output)!r} is the checkpoint itself; name another file with --output.")
    try:
        save_model(model, output, half)
    except (OSError, RuntimeError) as error:  # torch reports a missing folder as a RuntimeError
        raise VolumeFileError(f"{str(output)!r} cannot be written ({error}); name another file.") from error
    freeze_pretrained(model)
    everything = sum(p.numel() for p in model.parameters()) / 1e6
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad) / 1e6
    Console(highlight=False, soft_wrap=True).print(
        f"{checkpoint} is complete. Wrote {output}: {everything:.1f} million parameters, of which {trained:.1f} "
        "million are trained. Its prompts and decoder are untrained: go on with "
        f"`fast3dsam train DATA --config vit_b --start {output}`."
    )
