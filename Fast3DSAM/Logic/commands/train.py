"""`fast3dsam train`: from random weights to a checkpoint, resumable at any time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Optional

import typer
from rich.console import Console

from ..errors import CheckpointError


def train(
    data: Annotated[Path, typer.Argument(help="Folder with INDEX.tsv; only its roles `train`, `labels` and `images`.")],
    state: Annotated[Path, typer.Option(help="Training state; an existing one is resumed.")] = Path("runs/small.pt"),
    config: Annotated[str, typer.Option(help="Published configuration: small or vit_b.")] = "small",
    hours: Annotated[float, typer.Option(help="Length of the whole training, earlier sittings included.")] = 2.0,
    steps: Annotated[Optional[int], typer.Option(min=1, help="End by this count instead, to compare runs.")] = None,
    images: Annotated[int, typer.Option(help="Images that are embedded together.")] = 4,
    batches: Annotated[int, typer.Option(min=1, help="Batches of so many images whose gradients a step adds up.")] = 1,
    targets: Annotated[int, typer.Option(help="Targets per image.")] = 3,
    rounds: Annotated[int, typer.Option(help="Rounds of clicks per step, at most.")] = 5,
    crop: Annotated[int, typer.Option(help="Edge of the training crops in voxels.")] = 48,
    learning_rate: Annotated[float, typer.Option()] = 2e-3,
    warm_up: Annotated[int, typer.Option(min=1, help="Steps until the learning rate is reached.")] = 100,
    muon: Annotated[bool, typer.Option(help="Muon for matrices and kernels, or AdamW for all.")] = True,
    precision: Annotated[str, typer.Option(help="Lightning Fabric's name of a precision, or auto.")] = "auto",
    threads: Annotated[Optional[int], typer.Option(help="Processor threads for the network.")] = None,
    devices: Annotated[int, typer.Option(min=0, help="Processes that share every step; 0: as Fabric finds.")] = 0,
    workers: Annotated[int, typer.Option(help="Processes that make samples.")] = 1,
    replay: Annotated[int, typer.Option(min=0, help="Samples kept on a GPU that else waits for new ones.")] = 0,
    seed: Annotated[int, typer.Option()] = 0,
    start: Annotated[Optional[Path], typer.Option(help="Checkpoint to start from, e.g. of `import-sam`.")] = None,
    freeze: Annotated[bool, typer.Option(help="With --start: freeze what the paper freezes, or train it all.")] = True,
    clustering: Annotated[bool, typer.Option(help="Token clustering; without it to compare the two.")] = True,
    keep_every: Annotated[int, typer.Option(min=0, help="Write weights beside the state every so many steps.")] = 0,
    export: Annotated[Optional[Path], typer.Option(help="Write the averaged weights and their card here.")] = None,
    card: Annotated[Optional[Path], typer.Option(help="JSON with what the card says of data and licence.")] = None,
) -> None:
    """Train the network on simulated clicks; kill it when you like, the same command goes on from the state."""
    import torch

    from ..checkpoints import read_model
    from ..model.build import freeze_lora, freeze_pretrained, without_clustering
    from ..model.config import CONFIGS
    from ..training.data_engine import DataEngine
    from ..training.publish import publish_weights
    from ..training.trainer import Trainer, TrainingPlan

    screen = Console(highlight=False, soft_wrap=True)
    if config not in CONFIGS:
        raise CheckpointError(f"There is no configuration {config!r}; choose one of {', '.join(sorted(CONFIGS))}.")
    if threads:
        torch.set_num_threads(threads)
    plan = TrainingPlan(
        hours=hours,
        steps=steps,
        images=images,
        batches=batches,
        targets=targets,
        rounds=rounds,
        crop=crop,
        learning_rate=learning_rate,
        warm_up_steps=warm_up,
        muon=muon,
        seed=seed,
        precision=precision,
        devices=devices,
        keep_every=keep_every,
        replay=replay,
    )
    chosen = CONFIGS[config] if clustering else CONFIGS[config].without_clustering()
    pretrained = None
    if start is not None:
        pretrained = read_model(start).model
        if pretrained.config.clustering and not clustering:
            pretrained = without_clustering(pretrained)
        if pretrained.config != chosen:
            raise CheckpointError(
                f"{start} holds a network of the configuration {pretrained.config.name!r} and not {chosen.name!r}; "
                "choose that with --config and --clustering or --no-clustering."
            )
        freeze_pretrained(pretrained) if freeze else freeze_lora(pretrained)
    extra = json.loads(card.read_text()) if card else None

    def keep(step: int) -> None:
        """For a mean of what was reached on the way (`average`)."""
        publish_weights(state, state.with_name(f"{state.stem}_{step}.pt"), extra)

    made = 2 * targets if replay else targets  # a sample that is drawn again has other targets, too
    engine = DataEngine(data, crop, made, seed)
    trainer = Trainer(chosen, plan, engine, state, screen.print, workers, pretrained, keep)
    trainer.run()
    if export is not None and trainer.fabric.is_global_zero:
        screen.print(f"weights {export}, card {publish_weights(state, export, extra)}")
