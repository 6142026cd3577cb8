"""The interactive session: set a volume once, then prompt cheaply. Imports no torch."""

from __future__ import annotations

import time
from pathlib import Path
from threading import Event
from typing import Callable, Optional, Sequence, Tuple, Union

import numpy as np

from .deferred import MaskPending
from .embedding_cache import EmbeddingCache, content_key
from .errors import EmbeddingCancelled, InvalidPromptError, NotEnoughMemoryError, NoVolumeError
from .framing import DEFAULT_POLICY, FramingPolicy
from .geometry import VolumeGeometry, paste
from .prediction import Predictor
from .preprocessing import TileReader, checked_voxels
from .prompts import PromptHistory, PromptSet, checked_position
from .segmenter import EMPTY, MaskState, Segmenter
from .tiling import Pyramid
from .update import PreparedVolume, SegmentationUpdate

Position = Sequence[float]
Progress = Callable[[float, str], None]

__all__ = ["InteractiveSession", "PreparedVolume", "SegmentationUpdate"]


class InteractiveSession:
    """Segments one object at a time in one volume. Positions are voxels (k, j, i), fractional allowed.

    Every method that changes prompts returns a `SegmentationUpdate`; `NoVolumeError` if no volume is set,
    `InvalidPromptError` for a prompt that cannot be; both leave the session as it was.

    `never_wait`: a mask that is not at hand raises `MaskPending` instead of being computed; `prepare` it elsewhere.
    `prepare_volume`, `prepare`, `embed_ahead` change nothing and may run in any thread; all else belongs to one thread.
    """

    def __init__(
        self,
        predictor: Predictor,
        cache_bytes: int = 1 << 30,
        cache_dir: Optional[Union[str, Path]] = None,
        policy: FramingPolicy = DEFAULT_POLICY,
        embeddings: Optional[EmbeddingCache] = None,
    ) -> None:
        """`embeddings` of the same predictor are shared with other sessions; else there is an own cache."""
        self.predictor = predictor
        self.embeddings = embeddings or EmbeddingCache(predictor, cache_bytes, Path(cache_dir) if cache_dir else None)
        self._policy = policy
        self._history = PromptHistory()
        self._segmenter: Optional[Segmenter] = None
        self._geometry: Optional[VolumeGeometry] = None
        self._shown = EMPTY
        self.update: Optional[SegmentationUpdate] = None
        self.never_wait = False

    @classmethod
    def local(
        cls,
        device: str = "auto",
        weights: Optional[Union[str, Path]] = None,
        cache_dir: Optional[Union[str, Path]] = None,
        delta: Optional[Union[str, Path]] = None,
    ) -> InteractiveSession:
        """A session on this computer with the bundled (or the given) weights, with a fine-tuned `delta` if given.

        `device` is "auto", "cpu", "cuda" or "mps". `cache_dir` keeps embeddings on disk, by the volume's content.
        """
        from .predictor import load_predictor

        return cls(load_predictor(weights, device, delta), cache_dir=cache_dir)

    # --- the volume

    def set_volume(
        self,
        voxels: np.ndarray,
        spacing: Optional[Sequence[float]] = None,
        geometry: Optional[VolumeGeometry] = None,
        progress: Optional[Progress] = None,
        cancel: Optional[Event] = None,
    ) -> float:
        """Embeds the coarse levels of a volume (k, j, i) and starts without prompts; returns the seconds it took.

        `spacing` is (sk, sj, si) millimetres, or `geometry` says it all; 1 mm if neither is given. `progress` hears
        the share done (0..1) and a sentence. Setting `cancel` raises `EmbeddingCancelled`. The voxels are kept by
        reference: do not change them. Raises `InvalidVolumeError`, `GeometryError`, `NotEnoughMemoryError`; after any
        error the session still has its previous volume and prompts.
        """
        prepared = self.prepare_volume(voxels, spacing, geometry, progress, cancel)
        self.use_volume(prepared)
        return prepared.seconds

    def prepare_volume(
        self,
        voxels: np.ndarray,
        spacing: Optional[Sequence[float]] = None,
        geometry: Optional[VolumeGeometry] = None,
        progress: Optional[Progress] = None,
        cancel: Optional[Event] = None,
    ) -> PreparedVolume:
        """The work of `set_volume` without its effect."""
        begun = time.perf_counter()
        report = progress or (lambda share, message: None)
        geometry = geometry or VolumeGeometry.from_spacing(spacing if spacing is not None else (1.0, 1.0, 1.0))
        try:
            voxels = checked_voxels(voxels)
            pyramid = Pyramid(voxels.shape, geometry.spacing, self.predictor.tile_size)
            report(0.0, "Reading the volume")
            key = content_key(voxels, geometry.spacing)
            segmenter = Segmenter(self.predictor, self.embeddings, key, TileReader(voxels, pyramid), self._policy)
            tiles = [t for level in pyramid.levels[:2] for t in pyramid.tiles(level.index)]
            for done, tile in enumerate(tiles):
                if cancel is not None and cancel.is_set():
                    raise EmbeddingCancelled("The embedding was cancelled; load the volume again to go on.")
                report(done / len(tiles), f"Embedding tile {done + 1} of {len(tiles)}")
                segmenter.embed(tile)
        except MemoryError as error:
            if isinstance(error, NotEnoughMemoryError):
                raise
            shape = " x ".join(map(str, np.shape(voxels)))
            raise NotEnoughMemoryError(
                f"There is not enough memory for a volume of {shape} voxels; crop it or close other programs."
            ) from error
        report(1.0, "Ready")
        return PreparedVolume(segmenter, geometry, time.perf_counter() - begun)

    def use_volume(self, prepared: PreparedVolume) -> None:
        """Starts on a prepared volume without prompts."""
        self._segmenter, self._geometry = prepared.segmenter, prepared.geometry
        self._history, self._shown, self.update = PromptHistory(), EMPTY, None

    def clear_volume(self) -> None:
        """Forgets volume and prompts; cached embeddings stay, so that the volume is back at once."""
        self._segmenter = self._geometry = self.update = None
        self._history, self._shown = PromptHistory(), EMPTY

    @property
    def has_volume(self) -> bool:
        return self._segmenter is not None

    @property
    def geometry(self) -> VolumeGeometry:
        self._ready()
        return self._geometry

    @property
    def shape(self) -> Tuple[int, int, int]:
        return self._ready().pyramid.shape

    @property
    def level(self) -> Optional[Tuple[int, float]]:
        """(index, voxel size in mm) of the level on which the present mask was decoded; None before a decode."""
        tile = self._shown.tile
        return None if tile is None else (tile.level, self._ready().pyramid.levels[tile.level].voxel_mm)

    # --- prompts

    @property
    def history(self) -> PromptHistory:
        return self._history

    @property
    def prompts(self) -> PromptSet:
        return self._history.current

    def add_point(self, position: Position, positive: bool = True) -> SegmentationUpdate:
        return self.apply(self.prompts.with_point(self._inside(position), positive))

    def move_point(self, id: int, position: Position, new_step: bool = True) -> SegmentationUpdate:
        """`new_step=False` while dragging: the drag stays one undo step."""
        return self.apply(self.prompts.moved(id, self._inside(position)), new_step)

    def remove_point(self, id: int) -> SegmentationUpdate:
        return self.apply(self.prompts.without(id))

    def flip_point(self, id: int) -> SegmentationUpdate:
        """Foreground becomes background, and back."""
        return self.apply(self.prompts.flipped(id))

    def add_box(self, lo: Position, hi: Position) -> SegmentationUpdate:
        """The object lies between two corners."""
        return self.apply(self.prompts.with_box(self._inside(lo), self._inside(hi)))

    def add_scribble(self, points: Sequence[Position], positive: bool = True) -> SegmentationUpdate:
        return self.apply(self.prompts.with_scribble([self._inside(p) for p in points], positive))

    def set_initial_mask(self, mask: np.ndarray) -> SegmentationUpdate:
        """Starts from a mask (k, j, i) of the volume's shape; earlier prompts go (undo brings them back)."""
        mask = np.asarray(mask)
        if mask.shape != self.shape:
            raise InvalidPromptError(
                f"The mask has {mask.shape} voxels but the volume {self.shape}; resample it to the volume first."
            )
        if not mask.any():
            raise InvalidPromptError("The segmentation to start from is empty; click into the object instead.")
        return self.apply(self.prompts.with_mask(mask.astype(bool)))

    def apply(self, prompts: PromptSet, new_step: bool = True) -> SegmentationUpdate:
        """Makes `prompts` the present ones, as a new undo step or in place of the present step."""
        begun = time.perf_counter()
        state = self._state(prompts)
        if new_step:
            self._history.push(prompts)
        else:
            self._history.amend(prompts)
        return self._show(state, begun)

    def undo(self) -> SegmentationUpdate:
        """Back to the prompts before the last change; at the first step nothing happens."""
        begun = time.perf_counter()
        state = self._state(self._history.previous)
        self._history.undo()
        return self._show(state, begun)

    def redo(self) -> SegmentationUpdate:
        begun = time.perf_counter()
        state = self._state(self._history.following)
        self._history.redo()
        return self._show(state, begun)

    def reset(self) -> SegmentationUpdate:
        """Removes all prompts; undo brings them back."""
        return self.apply(PromptSet())

    def use_history(self, history: PromptHistory) -> SegmentationUpdate:
        """Goes on with another object's prompts; the update holds its whole mask."""
        begun = time.perf_counter()
        state = self._state(history.current)
        self._history, self._shown = history, EMPTY
        return self._show(state, begun)

    # --- looking ahead

    def preview(self, position: Position, positive: bool = True) -> SegmentationUpdate:
        """What `add_point` would give; changes nothing."""
        begun = time.perf_counter()
        prompts = self.prompts.with_point(self._inside(position), positive)
        return self._update_to(self._state(prompts), begun)

    def prepare(self, prompts: PromptSet) -> None:
        """Computes the mask of `prompts` and remembers it, so that the next call that needs it costs nothing."""
        self._ready().state(prompts)

    def embed_ahead(self, position: Position, cancel: Optional[Event] = None) -> int:
        """Embeds the tiles on which a first click at `position` is decoded, until all are there or `cancel` is set.

        Those on which its answer may be drawn anew are not known before.

        For idle time, in any thread: changes nothing, and a click waits for one tile at most. Returns their number.
        """
        segmenter, place, count = self._ready(), self._inside(position), 0
        while not (cancel is not None and cancel.is_set()) and segmenter.embed_next(place):
            count += 1
        return count

    def suggest_next(self) -> Optional[Tuple[float, float, float]]:
        """Where a click would help most: the position of the largest doubt; None before the first click."""
        return self._ready().least_certain(self._shown, self.prompts)

    # --- inside

    def _state(self, prompts: PromptSet) -> MaskState:
        segmenter = self._ready()
        if self.never_wait and not segmenter.knows(prompts):
            raise MaskPending(prompts)
        return segmenter.state(prompts)

    def _ready(self) -> Segmenter:
        if self._segmenter is None:
            raise NoVolumeError("There is no volume yet; choose one and wait until it is ready.")
        return self._segmenter

    def _inside(self, position: Position) -> Tuple[float, float, float]:
        place = np.asarray(checked_position(position))
        shape = np.asarray(self.shape)
        if (place < -0.5).any() or (place > shape - 0.5).any():
            raise InvalidPromptError(
                f"The point {tuple(round(float(v), 1) for v in place)} (k, j, i) lies outside the volume of "
                f"{self.shape} voxels; click inside the image."
            )
        return tuple(float(v) for v in np.clip(place, 0, shape - 1))

    def _show(self, state: MaskState, begun: float) -> SegmentationUpdate:
        self.update = self._update_to(state, begun)
        self._shown = state
        return self.update

    def _update_to(self, state: MaskState, begun: float) -> SegmentationUpdate:
        box = self._shown.box.union(state.box)
        mask = paste(state.mask, state.box, box)
        return SegmentationUpdate(box, mask, state.iou, time.perf_counter() - begun, self.shape)
