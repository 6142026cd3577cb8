"""Read the released checkpoint, as published or as `import-released` wrote it, and say what is wrong with others."""

from __future__ import annotations

import zipfile
from contextlib import nullcontext
from pathlib import Path
from typing import Any, ContextManager, Dict, Mapping, Union

import numpy as np
import torch
from torch import Tensor

from ..errors import CheckpointError
from .folding import folded
from .network import ReleasedNetwork
from .published import PARTS, published_shapes

FORMAT = "fast3dsam-released"
VERSION = 1
_REMEDY = "give the best.pth.tar that was published with Fast 3D SAM, or download it again"
_NAMED = 3


def load_released(path: Union[str, Path]) -> ReleasedNetwork:
    """The released network, LoRA merged, in float32 on the CPU and ready to run.

    `path` is the published `best.pth.tar` or the compact file that `save_compact` writes. Nothing in the file is run.
    Raises `CheckpointError` naming the missing, foreign and misshapen tensors where it is another or a damaged file.
    """
    content = _read(Path(path))
    if content.get("format") == FORMAT:
        return _filled(_compact_state(path, content))
    return network_of(_published(path, content))


def is_released(path: Union[str, Path]) -> bool:
    """Whether a file is the released checkpoint, published or compact; False for all others, damaged ones too."""
    try:
        with _numpy_numbers():
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except Exception:  # whoever reads the file in earnest says what is wrong with it
        return False
    return isinstance(content, Mapping) and (content.get("format") == FORMAT or PARTS[0] in content)


def network_of(published: Mapping[str, Mapping[str, Tensor]]) -> ReleasedNetwork:
    """The network with the tensors of a released file's three dicts, whose names and shapes are taken for granted."""
    return _filled(folded(published))


def save_compact(network: ReleasedNetwork, path: Union[str, Path]) -> None:
    """Write the merged weights alone, without optimizers and unused tensors; `load_released` reads the file."""
    torch.save({"format": FORMAT, "version": VERSION, "state": network.state_dict()}, path)


def _filled(state: Mapping[str, Tensor]) -> ReleasedNetwork:
    network = _empty_network()
    network.load_state_dict(state, assign=True)
    return network.requires_grad_(False).eval()


def _empty_network() -> ReleasedNetwork:
    """A network whose weights take no memory yet; what is not stored in files (the resize matrices) is filled in."""
    with torch.device("meta"):
        network = ReleasedNetwork()
    network.mask_decoder.fill_matrices()
    return network


def _read(path: Path) -> Mapping[str, Any]:
    if not path.is_file():
        raise CheckpointError(f"There is no checkpoint file {str(path)!r}; {_REMEDY}.")
    zipped = zipfile.is_zipfile(path)
    try:
        broken = zipfile.ZipFile(path).testzip() if zipped else None
        if broken is None:
            with _numpy_numbers():
                # Mapped, so that the optimizers' states are never read.
                content = torch.load(path, map_location="cpu", weights_only=True, mmap=zipped)
    except Exception as error:  # what the reader meets in bytes that are no checkpoint is not limited to some kinds
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise CheckpointError(
            f"{str(path)!r} is damaged or no plain checkpoint, nothing in it was run ({reason}); {_REMEDY}."
        ) from error
    if broken is not None:
        raise CheckpointError(f"{str(path)!r} is damaged: the check sum of {broken!r} is wrong; {_REMEDY}.")
    if not isinstance(content, Mapping):
        raise CheckpointError(f"{str(path)!r} holds a {type(content).__name__} and not a dict of tensors; {_REMEDY}.")
    return content


def _numpy_numbers() -> ContextManager:
    """Admit numpy's plain floats: a trainer may have left one as `best_val_loss`. Old torch versions cannot."""
    if not hasattr(torch.serialization, "safe_globals"):
        return nullcontext()
    kinds = {type(np.dtype(kind)) for kind in (np.float64, np.float32)}
    core = np.core if np.__version__.startswith("1.") else np._core
    return torch.serialization.safe_globals([core.multiarray.scalar, np.dtype, *kinds])


def _published(path: Union[str, Path], content: Mapping[str, Any]) -> Dict[str, Mapping[str, Tensor]]:
    expected = {f"{part}/{name}": shape for part, names in published_shapes().items() for name, shape in names.items()}
    found = {
        f"{part}/{name}": value
        for part in PARTS
        if isinstance(content.get(part), Mapping)
        for name, value in content[part].items()
    }
    if not found:
        raise CheckpointError(
            f"{str(path)!r} has none of the entries {', '.join(PARTS)} but {_some(map(str, content))}; {_REMEDY}."
        )
    _check(path, found, expected)
    return {part: content[part] for part in PARTS}


def _compact_state(path: Union[str, Path], content: Mapping[str, Any]) -> Mapping[str, Tensor]:
    if content.get("version") != VERSION or not isinstance(content.get("state"), Mapping):
        raise CheckpointError(
            f"{str(path)!r} is of version {content.get('version')!r}, this program reads {VERSION}; "
            "run `fast3dsam import-released` on the published file again."
        )
    _check(path, content["state"], {name: tuple(t.shape) for name, t in _empty_network().state_dict().items()})
    return {name: tensor.float() for name, tensor in content["state"].items()}


def _check(path: Union[str, Path], found: Mapping[str, Any], expected: Mapping[str, tuple]) -> None:
    """Raise `CheckpointError` unless `found` has exactly the expected names and shapes and only finite numbers."""
    faults = []
    missing = [name for name in expected if name not in found]
    foreign = [str(name) for name in found if name not in expected]
    common = [name for name in expected if name in found]
    shaped = [name for name in common if tuple(getattr(found[name], "shape", ("no tensor",))) != expected[name]]
    if missing:
        faults.append(f"{len(missing)} tensors are missing ({_some(missing)})")
    if foreign:
        faults.append(f"{len(foreign)} are foreign ({_some(foreign)})")
    if shaped:
        shapes = [f"{n} is {tuple(getattr(found[n], 'shape', ()))} instead of {expected[n]}" for n in shaped]
        faults.append(f"{len(shaped)} have another shape ({_some(shapes)})")
    if not faults:
        wild = [name for name in common if not torch.isfinite(found[name]).all()]
        if wild:
            faults.append(f"{len(wild)} hold values that are not finite ({_some(wild)})")
    if faults:
        raise CheckpointError(f"{str(path)!r} is not the released network: {', '.join(faults)}; {_REMEDY}.")


def _some(names: Any) -> str:
    names = list(names)
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
