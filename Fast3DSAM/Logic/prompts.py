"""What a user gives, and its history. Plain values: no torch, no MRML.

A segment's mask is a function of its `PromptSet` (and the image) alone, so undo, redo, drag, delete and reload from a
saved scene all come down to choosing another `PromptSet`. Positions are (k, j, i) voxels, fractional allowed.
"""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import dataclass, field, replace
from typing import List, Optional, Sequence, Tuple, Union

import numpy as np

from .errors import InvalidPromptError
from .geometry import Box

Position = Tuple[float, float, float]


def checked_position(value: Sequence[float]) -> Position:
    """Three finite numbers (k, j, i). Raises `InvalidPromptError` that quotes anything else."""
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        array = np.empty(0)
    if array.shape != (3,) or not np.isfinite(array).all():
        raise InvalidPromptError(f"A position must be three finite voxel coordinates (k, j, i), not {value!r}.")
    return tuple(float(v) for v in array)


@dataclass(frozen=True)
class PointPrompt:
    """One foreground or background click at `position` (k, j, i)."""

    id: int
    position: Position
    positive: bool = True


@dataclass(frozen=True)
class BoxPrompt:
    """The object lies between the corners `lo` and `hi` (k, j, i)."""

    id: int
    lo: Position
    hi: Position


@dataclass(frozen=True)
class ScribblePrompt:
    """A foreground or background stroke through `points` (k, j, i)."""

    id: int
    points: Tuple[Position, ...]
    positive: bool = True


@dataclass(frozen=True)
class MaskPrompt:
    """An earlier mask as the start: `bits` are its voxels inside `box`, packed and compressed."""

    id: int
    box: Box
    bits: bytes = field(repr=False)

    @classmethod
    def of(cls, id: int, mask: np.ndarray) -> MaskPrompt:
        """From a whole-volume (k, j, i) boolean array."""
        box = Box.of_mask(mask)
        return cls(id, box, zlib.compress(np.packbits(mask[box.slices]).tobytes(), 1))

    def array(self) -> np.ndarray:
        """The mask inside `box`, boolean (k, j, i). Raises `InvalidPromptError` if `bits` are not such a mask."""
        size = int(np.prod(self.box.shape))
        try:
            packed = np.frombuffer(zlib.decompress(self.bits), np.uint8)
        except zlib.error as error:
            raise InvalidPromptError(f"The stored mask is damaged ({error}); start from the segment again.") from error
        if len(packed) != -(-size // 8):
            raise InvalidPromptError(
                f"The stored mask has {len(packed)} bytes, but its box of {self.box.shape} voxels needs "
                f"{-(-size // 8)}; start from the segment again."
            )
        flat = np.unpackbits(packed, count=size)
        return flat.reshape(self.box.shape).astype(bool)


Prompt = Union[PointPrompt, BoxPrompt, ScribblePrompt, MaskPrompt]
_KINDS = {"point": PointPrompt, "box": BoxPrompt, "scribble": ScribblePrompt, "mask": MaskPrompt}


@dataclass(frozen=True)
class PromptSet:
    """All prompts of one segment, in the order in which they were given. Every method returns a new set."""

    prompts: Tuple[Prompt, ...] = ()

    def __len__(self) -> int:
        return len(self.prompts)

    def __iter__(self):
        return iter(self.prompts)

    @property
    def points(self) -> Tuple[PointPrompt, ...]:
        return tuple(p for p in self.prompts if isinstance(p, PointPrompt))

    @property
    def next_id(self) -> int:
        return 1 + max((p.id for p in self.prompts), default=0)

    def get(self, id: int) -> Prompt:
        """The prompt with that id. Raises `InvalidPromptError` where there is none."""
        for prompt in self.prompts:
            if prompt.id == id:
                return prompt
        raise InvalidPromptError(f"There is no prompt {id!r}; the prompts are {[p.id for p in self.prompts]}.")

    def with_point(self, position: Sequence[float], positive: bool = True) -> PromptSet:
        return self._added(PointPrompt(self.next_id, checked_position(position), bool(positive)))

    def with_box(self, lo: Sequence[float], hi: Sequence[float]) -> PromptSet:
        """A box replaces an earlier one: there is one object."""
        lo, hi = checked_position(lo), checked_position(hi)
        corners = tuple(map(min, lo, hi)), tuple(map(max, lo, hi))
        kept = tuple(p for p in self.prompts if not isinstance(p, BoxPrompt))
        return replace(self, prompts=(*kept, BoxPrompt(self.next_id, *corners)))

    def with_scribble(self, points: Sequence[Sequence[float]], positive: bool = True) -> PromptSet:
        stroke = tuple(checked_position(p) for p in points)
        if not stroke:
            raise InvalidPromptError("A scribble needs at least one point; draw it again.")
        return self._added(ScribblePrompt(self.next_id, stroke, bool(positive)))

    def with_mask(self, mask: np.ndarray) -> PromptSet:
        """A whole-volume mask as the start; it replaces all earlier prompts."""
        return PromptSet((MaskPrompt.of(self.next_id, mask),))

    def moved(self, id: int, position: Sequence[float]) -> PromptSet:
        return self._changed(id, position=checked_position(position))

    def flipped(self, id: int) -> PromptSet:
        return self._changed(id, positive=not getattr(self.get(id), "positive", False))

    def without(self, id: int) -> PromptSet:
        self.get(id)
        return PromptSet(tuple(p for p in self.prompts if p.id != id))

    def _added(self, prompt: Prompt) -> PromptSet:
        return PromptSet((*self.prompts, prompt))

    def _changed(self, id: int, **values) -> PromptSet:
        prompt = self.get(id)
        if not set(values) <= set(vars(prompt)):
            kind = type(prompt).__name__
            raise InvalidPromptError(f"Prompt {id} is a {kind} and has no {', '.join(values)}; choose a point.")
        changed = replace(prompt, **values)
        return PromptSet(tuple(changed if p.id == id else p for p in self.prompts))

    def to_json(self) -> str:
        """Text that `from_json` reads back exactly; stored with the segment and in prompt logs."""
        rows = []
        for prompt in self.prompts:
            kind = next(name for name, cls in _KINDS.items() if isinstance(prompt, cls))
            row = {"kind": kind, **vars(prompt)}
            if isinstance(prompt, MaskPrompt):
                row.update(box=[prompt.box.lo, prompt.box.hi], bits=base64.b64encode(prompt.bits).decode())
            rows.append(row)
        return json.dumps({"version": 1, "prompts": rows})

    @classmethod
    def from_json(cls, text: str) -> PromptSet:
        """Raises `InvalidPromptError` for text that `to_json` did not write."""
        try:
            return cls(tuple(_prompt_of(row) for row in json.loads(text)["prompts"]))
        except (ValueError, KeyError, TypeError, AttributeError, InvalidPromptError) as error:
            raise InvalidPromptError(
                f"The stored prompts cannot be read ({error}); the segment stays, start it afresh with a new click."
            ) from error


def _prompt_of(row: dict) -> Prompt:
    row = dict(row)
    cls = _KINDS[row.pop("kind")]
    if cls is MaskPrompt:
        lo, hi = row["box"]
        box = Box(tuple(int(v) for v in lo), tuple(int(v) for v in hi))
        prompt = MaskPrompt(int(row["id"]), box, base64.b64decode(row["bits"]))
        prompt.array()  # a damaged mask must fail here, where the text is read, and not at a later click
        return prompt
    if cls is BoxPrompt:
        return BoxPrompt(int(row["id"]), checked_position(row["lo"]), checked_position(row["hi"]))
    if cls is ScribblePrompt:
        return ScribblePrompt(int(row["id"]), tuple(checked_position(p) for p in row["points"]), bool(row["positive"]))
    return PointPrompt(int(row["id"]), checked_position(row["position"]), bool(row["positive"]))


class PromptHistory:
    """The prompt sets of one segment over time: unlimited undo and redo, at the price of a few tuples."""

    def __init__(self, initial: Optional[PromptSet] = None) -> None:
        self._states: List[PromptSet] = [initial or PromptSet()]
        self._index = 0

    @property
    def current(self) -> PromptSet:
        return self._states[self._index]

    @property
    def previous(self) -> PromptSet:
        """What `undo` would make the present."""
        return self._states[max(0, self._index - 1)]

    @property
    def following(self) -> PromptSet:
        """What `redo` would make the present."""
        return self._states[min(len(self._states) - 1, self._index + 1)]

    @property
    def can_undo(self) -> bool:
        return self._index > 0

    @property
    def can_redo(self) -> bool:
        return self._index + 1 < len(self._states)

    def push(self, prompts: PromptSet) -> None:
        """Make `prompts` the present; what was undone is forgotten."""
        if prompts != self.current:
            self._states[self._index + 1 :] = [prompts]
            self._index += 1

    def amend(self, prompts: PromptSet) -> None:
        """Replace the present without a new step: a drag is one step, however many positions it passes."""
        self._states[self._index :] = [prompts]

    def undo(self) -> PromptSet:
        self._index = max(0, self._index - 1)
        return self.current

    def redo(self) -> PromptSet:
        self._index = min(len(self._states) - 1, self._index + 1)
        return self.current
