"""The golden checkpoint: made once, since it takes over a hundred million random numbers."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from Fast3DSAM.Logic.released.load import load_released, network_of

REFERENCE = Path(__file__).parents[3].parent / "shared" / "reference"


def tensors(module, seed: int, alike: str = "$never") -> dict:
    """Published tensors as float32; names in which `alike` matches take block 0's values, which saves their making."""
    parts = {}
    for part, names in module.TENSORS.items():
        parts[part] = {}
        for name, shape in names.items():
            source = re.sub(alike, "blocks.0.", name)
            if source != name and names[source] == shape:
                parts[part][name] = parts[part][source]
            else:
                array = module.fill(f"{part}/{name}", tuple(shape), seed)
                parts[part][name] = torch.as_tensor(array if array.dtype == np.int64 else array.astype(np.float32))
    return parts


@pytest.fixture(scope="session")
def golden():
    """The module that makes the golden weights and input."""
    path = REFERENCE / "golden_weights.py"
    if not path.is_file():
        pytest.skip("the reference folder with the golden values is not here")
    spec = importlib.util.spec_from_file_location("golden_weights", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def golden_arrays(golden):
    return np.load(REFERENCE / "released_checkpoint_golden.npz")


@pytest.fixture(scope="session")
def network(golden, tmp_path_factory):
    """Seed 1, loaded from a file like the published one."""
    path = tmp_path_factory.mktemp("released") / "best.pth.tar"
    torch.save({**tensors(golden, 1), "epoch": 3, "best_val_loss": np.float64(0.5), "encoder_opt": {"state": {}}}, path)
    yield load_released(path)
    path.unlink()


@pytest.fixture(scope="session")
def other_weights(golden):
    """Seed 2; most encoder blocks share the values of block 0."""
    return tensors(golden, 2, alike=r"^blocks\.(?!0\.|2\.)\d+\.")


@pytest.fixture(scope="session")
def other_network(other_weights):
    return network_of(other_weights)
