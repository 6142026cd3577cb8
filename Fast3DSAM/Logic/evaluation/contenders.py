"""What can be timed by `fast3dsam benchmark`: this product, the released network, and any model with an adapter."""

from __future__ import annotations

import importlib
from functools import partial
from pathlib import Path
from typing import Any, Callable, Dict, Mapping, Optional, Protocol, Sequence, Tuple, Union

import numpy as np

from ..errors import Fast3DSAMError
from ..geometry import Box
from ..prediction import Predictor, TilePrompts
from ..preprocessing import TileReader
from ..session import InteractiveSession
from ..tiling import Pyramid

Stage = Callable[[], object]
_FAST3DSAM, _FLOAT32 = "fast3dsam", "fast3dsam-float32"
_REGION = 128  # voxels per axis of the region whose encoding is timed, whatever the tiles


class AdapterError(Fast3DSAMError, ValueError):
    """An adapter's name leads nowhere."""


class Contender(Protocol):
    """A model that is timed; arrays and positions are (k, j, i) voxels. Its factory takes no arguments.

    `open` and `click` must return only when the work is done (on a GPU: synchronised).
    """

    name: str

    def open(self, voxels: np.ndarray) -> None:
        """Whatever a volume (int16, 1 mm) needs until its first click can be answered; an earlier volume is gone."""

    def reset(self) -> None:
        """Forget the clicks."""

    def click(self, position: Sequence[float], positive: bool) -> Tuple[Box, np.ndarray]:
        """Add a click; the object's mask so far: a box in the volume and the boolean mask inside of it."""

    def stages(self) -> Mapping[str, Stage]:
        """Parts of the work that are timed one by one, on the open volume; may be empty."""


class SessionContender:
    """An `InteractiveSession`, that is, what users have: with our network or with another behind it."""

    def __init__(self, name: str, predictor: Predictor) -> None:
        self.name = name
        self.predictor = predictor
        self._session = InteractiveSession(predictor)
        self._voxels: Optional[np.ndarray] = None

    def open(self, voxels: np.ndarray) -> None:
        self._voxels = voxels
        self._session.set_volume(voxels)

    def reset(self) -> None:
        self._session.reset()

    def click(self, position: Sequence[float], positive: bool) -> Tuple[Box, np.ndarray]:
        update = self._session.add_point(position, positive)
        return update.box, update.box_mask

    def stages(self) -> Mapping[str, Stage]:
        """One tile read and encoded, a region of 128^3 encoded, the fifth click decoded, undo and redo."""
        size = self.predictor.tile_size
        reader = TileReader(self._voxels, Pyramid(self._voxels.shape, (1.0, 1.0, 1.0), size))
        middle = np.asarray(self._voxels.shape) / 2
        tile = reader.pyramid.framing(len(reader.pyramid.levels) - 1, middle, middle)
        crop = reader.read(tile)
        embedding = self.predictor.embed(*crop)
        points = np.linspace(0.3, 0.7, 5)[:, None] * np.full(3, size)
        positive = np.array([True, False, True, False, True])
        earlier = self.predictor.decode(embedding, [TilePrompts(points[:4], positive[:4])])[0].logits
        prompts = TilePrompts(points, positive, previous=earlier)
        stages: Dict[str, Stage] = {
            "read a tile": lambda: reader.read(tile),
            "encode a tile": lambda: self._encode(crop, 1),
            "decode": lambda: self.predictor.decode(embedding, [prompts]),
            "undo and redo": lambda: (self._session.undo(), self._session.redo()),
        }
        if size < _REGION:
            stages["encode 128^3"] = lambda: self._encode(crop, (_REGION // size) ** 3)
        return stages

    def _encode(self, crop: Tuple[np.ndarray, np.ndarray], count: int) -> None:
        for _ in range(count):
            self.predictor.embed(*crop)
        if "CUDA" in self.predictor.device_name:
            import torch

            torch.cuda.synchronize()


class ReleasedContender:
    """The released Fast 3D SAM network as it was published: one crop of 128^3 around the first click.

    Random weights, which cost the same. What does not depend on the prompt is computed once per crop.
    """

    name = "released network"

    def __init__(self) -> None:
        import torch

        from ..released.network import ReleasedNetwork

        torch.manual_seed(0)
        self._network = ReleasedNetwork().requires_grad_(False).eval()
        self._voxels: Optional[np.ndarray] = None
        self.reset()

    def open(self, voxels: np.ndarray) -> None:
        self._voxels = voxels
        self.reset()

    def reset(self) -> None:
        self._box: Optional[Box] = None
        self._tokens: Any = None
        self._clicks: Tuple[list, list] = ([], [])

    def click(self, position: Sequence[float], positive: bool) -> Tuple[Box, np.ndarray]:
        if self._box is None:
            self._crop_around(position)
        place = np.clip(np.asarray(position) - self._box.lo, 0, _REGION - 1)
        self._clicks[0 if positive else 1].append(tuple(place))
        classes = self._network.decode(self._embed())
        return self._box, (classes[0, 1] > classes[0, 0]).numpy()

    def stages(self) -> Mapping[str, Stage]:
        embedding = self._embed()
        return {
            "encode 128^3": self._embed,
            "decode": lambda: self._network.decode(embedding),
        }

    def _crop_around(self, position: Sequence[float]) -> None:
        import torch

        last = np.asarray(self._voxels.shape) - _REGION
        lo = np.clip(np.rint(position).astype(int) - _REGION // 2, 0, last)
        self._box = Box(tuple(lo.tolist()), tuple((lo + _REGION).tolist()))
        crop = self._voxels[self._box.slices].astype(np.float32)
        crop = (crop - crop.mean()) / crop.std()
        self._tokens = self._network.image_tokens(torch.from_numpy(crop)[None])

    def _embed(self) -> Any:
        """The whole encoder pass, which starts with the prompts."""
        features = self._network.prompt_features(self._network.click_maps(*self._clicks))
        return self._network.embed_tokens(self._tokens, features)


def _fast3dsam(name: str, device: str, weights: Optional[Union[str, Path]]) -> SessionContender:
    import torch

    from ..predictor import load_predictor

    precision = torch.float32 if name == _FLOAT32 else None
    return SessionContender(name, load_predictor(weights, device, precision=precision))


def find_factory(
    adapter: str, device: str = "auto", weights: Optional[Union[str, Path]] = None
) -> Callable[[], Contender]:
    """The factory that `adapter` names, or "module:factory" of one's own.

    Names are "fast3dsam", "fast3dsam-float32" (not rounded, where the processor would) and "released".

    Raises `AdapterError` where there is none.
    """
    if adapter in (_FAST3DSAM, _FLOAT32):
        return partial(_fast3dsam, adapter, device, weights)
    if adapter == "released":
        return ReleasedContender
    module, colon, factory = adapter.partition(":")
    if not colon:
        raise AdapterError(
            f"There is no adapter {adapter!r}; give {_FAST3DSAM}, {_FLOAT32}, released or your own as module:factory."
        )
    try:
        return getattr(importlib.import_module(module), factory)
    except (ImportError, AttributeError, ValueError) as error:
        raise AdapterError(
            f"The adapter {adapter!r} cannot be imported ({error}); install it or put its folder on PYTHONPATH."
        ) from error
