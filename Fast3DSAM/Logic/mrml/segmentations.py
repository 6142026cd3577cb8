"""Reads and writes the segments of one `vtkMRMLSegmentationNode` on the grid of one volume.

A write touches the given box only. Voxels of locked segments are left out of it; voxels taken from unlocked segments
are remembered and given back when a later mask (an undo, a moved point) does not need them.
"""

from __future__ import annotations

from contextlib import contextmanager
from itertools import count
from typing import Callable, Dict, Iterable, List, Optional, Tuple

import numpy as np
import slicer

from ..errors import SceneError
from ..geometry import Box, paste
from .labelmaps import extent_box, fingerprint, grid_offset, label_box, labels_in_box, to_image
from .locks import is_locked
from .volumes import VolumeInput, local_matrix, to_world

LABELMAP = "Binary labelmap"
_LOGIC = slicer.vtkSlicerSegmentationsModuleLogic
Part = Tuple[Box, np.ndarray]
# What an empty segment is written as: Slicer can make no surface of a layer that is one voxel thick and has no voxels.
NOTHING: Part = (Box((0, 0, 0), (2, 2, 2)), np.zeros((2, 2, 2), dtype=bool))


def new_segmentation(scene, volume: VolumeInput):
    """A segmentation node beside `volume`, under the same transform."""
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", f"{volume.name} segmentation")
    node.SetAndObserveTransformNodeID(volume.node.GetTransformNodeID())
    return node


def segmentation_of(scene, volume_node):
    """The segmentation that was last made on this volume's grid; None where there is none."""
    count = scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode")
    for node in (scene.GetNthNodeByClass(n, "vtkMRMLSegmentationNode") for n in reversed(range(count))):
        if node.GetNodeReference(node.GetReferenceImageGeometryReferenceRole()) is volume_node:
            return node
    return None


class SegmentationTarget:
    """The segments of `node`, seen on the voxel grid of `volume`.

    `save_state` is called before each write; without it an own `vtkSegmentationHistory` (`history`) saves the state,
    so that Slicer's undo works. A layer that segments share is left shared up to `shared_layer_limit` voxels; in a
    larger one, each write would cost in proportion to the whole layer, so the written segment gets its own.
    """

    def __init__(
        self,
        node,
        volume: VolumeInput,
        save_state: Optional[Callable[[], object]] = None,
        shared_layer_limit: int = 4_000_000,
    ) -> None:
        self.node = node
        self.volume = volume
        self._shared_layer_limit = shared_layer_limit
        self._taken: Dict[str, Dict[str, Part]] = {}
        self._writing = 0
        self.history = slicer.vtkSegmentationHistory()
        self.history.SetMaximumNumberOfStates(10)
        self._save_state = save_state or self._save_own_state
        self.check()
        if node.GetDisplayNode() is None:
            node.CreateDefaultDisplayNodes()
        if not self._segmentation.GetConversionParameter("Reference image geometry") or not self.segment_ids:
            node.SetReferenceImageGeometryParameterFromVolumeNode(volume.node)

    def check(self) -> None:
        """Raises `SceneError` or `GeometryError` where the segmentation cannot be written as it is now."""
        source = self._segmentation.GetSourceRepresentationName()
        if self._segmentation.GetNumberOfSegments() and source != LABELMAP:
            raise SceneError(
                f"The segmentation '{self.node.GetName()}' has its source as {source!r}; make {LABELMAP!r} the "
                "source in the Segmentations module, or choose another segmentation."
            )
        self.grid()

    @property
    def segment_ids(self) -> List[str]:
        return list(self._segmentation.GetSegmentIDs())

    @property
    def is_writing(self) -> bool:
        """True while events of the segmentation are our own doing."""
        return self._writing > 0

    def segment(self, segment_id: str):
        """The `vtkSegment`. Raises `SceneError` where there is none of that ID."""
        found = self._segmentation.GetSegment(segment_id) if segment_id else None
        if found is None:
            raise SceneError(
                f"The segmentation '{self.node.GetName()}' has no segment {segment_id!r}; choose or add a segment."
            )
        return found

    def add(self, name: Optional[str] = None) -> str:
        """A new empty segment at the end, with a colour and, where it is not given, a name of its own; its ID."""
        names = {self.segment(id).GetName() for id in self.segment_ids}
        free = next(f"Segment_{n}" for n in count(1) if f"Segment_{n}" not in names)
        colour = [0.0, 0.0, 0.0]
        with self.own_change():
            self.node.GetDisplayNode().GenerateSegmentColor(colour, 1 + len(names))
            return self._segmentation.AddEmptySegment("", name or free, colour)

    def grid(self) -> np.ndarray:
        """4x4 matrix from the volume's (i, j, k) to the segmentation's own coordinates."""
        return np.linalg.inv(to_world(self.node)) @ to_world(self.volume.node) @ local_matrix(self.volume.node)

    def content(self, segment_id: str) -> Part:
        """All of a segment: its bounding box in the volume and the boolean mask inside.

        Raises `SceneError` if it reaches beyond the volume: what lies there could not be kept.
        """
        layer, value, grid = self._layer(segment_id), self.segment(segment_id).GetLabelValue(), self.grid()
        box = label_box(layer, value, grid)
        if box.intersection(Box((0, 0, 0), self.volume.shape)) != box:
            raise SceneError(
                f"The segment '{self.segment(segment_id).GetName()}' reaches beyond the volume '{self.volume.name}' "
                "and would be cut off; choose the volume it was drawn on, or add a new segment."
            )
        part, labels = labels_in_box(layer, box, grid)
        return box, paste(labels == value, part, box)

    def occupied(self, segment_ids: Iterable[str], box: Box) -> np.ndarray:
        """Voxels of `box` that belong to any of these segments; each layer is read once."""
        grid, result = self.grid(), np.zeros(box.shape, dtype=bool)
        by_layer: Dict[str, Tuple[object, List[int]]] = {}
        for id in segment_ids:
            layer = self._layer(id)
            if not extent_box(layer).is_empty:
                key = layer.GetAddressAsString("")
                by_layer.setdefault(key, (layer, []))[1].append(self.segment(id).GetLabelValue())
        for layer, values in by_layer.values():
            part, labels = labels_in_box(layer, box, grid)
            if part.is_empty:
                continue
            here = labels == values[0] if len(values) == 1 else np.isin(labels, values)
            result[part.shifted([-v for v in box.lo]).slices] |= here
        return result

    def save_state(self) -> None:
        """Let Slicer's own undo come back to what is there now."""
        self._save_state()

    def may_change(self, segment_id: str) -> List[str]:
        """The segments that a write of this one may change: itself, and those that are not locked."""
        return [id for id in self.segment_ids if id == segment_id or not is_locked(self.node, id)]

    def write(self, segment_id: str, box: Box, mask: np.ndarray) -> Tuple[np.ndarray, List[str]]:
        """Make the segment exactly `mask` (inside `box`, false outside), minus the voxels of locked segments.

        Returns the mask that was written (shape of `box`) and the IDs of the other segments that changed.
        """
        others = [id for id in self.segment_ids if id != segment_id]
        free = [id for id in others if not is_locked(self.node, id)]
        locked = [id for id in others if id not in free]
        if box.is_empty:
            box, mask = NOTHING
        mask = mask & ~self.occupied(locked, box)
        with self.own_change():
            if self._layer(segment_id) is None:  # a script added the bare segment
                self.segment(segment_id).AddRepresentation(LABELMAP, slicer.vtkOrientedImageData())
            exchange = self._exchange(segment_id, free, locked, box, mask)
            self._own_layer_if_needed(segment_id, box)
            sharing = self._sharing(segment_id)
            self._set(segment_id, box, mask, _LOGIC.MODE_REPLACE, overwrite=free)
            for id, (region, take, give) in exchange.items():
                self._own_layer_if_needed(id, region)
                if take.any() and id not in sharing:
                    self._set(id, region, ~take, _LOGIC.MODE_MERGE_MIN)
                if give.any():
                    self._set(id, region, give, _LOGIC.MODE_MERGE_MAX)
        return mask, list(exchange)

    def fingerprint(self, segment_id: str) -> str:
        """Of what the segment is now; see `labelmaps.fingerprint`."""
        return fingerprint(*self.content(segment_id))

    @contextmanager
    def own_change(self):
        """Events of the segmentation inside are our own doing."""
        self._writing += 1
        try:
            yield
        finally:
            self._writing -= 1

    @property
    def _segmentation(self):
        return self.node.GetSegmentation()

    def _layer(self, segment_id: str):
        return self.segment(segment_id).GetRepresentation(LABELMAP)

    def _sharing(self, segment_id: str) -> List[str]:
        ids: List[str] = []
        layer = self._layer(segment_id)
        for id in self.segment_ids:
            if id != segment_id and layer is not None and self._layer(id) is layer:
                ids.append(id)
        return ids

    def _exchange(self, segment_id, free, locked, box, mask) -> Dict[str, Tuple[Box, np.ndarray, np.ndarray]]:
        """Per unlocked segment: region, voxels to take from it, voxels to give back to it."""
        taken = self._taken.get(segment_id, {})
        result, kept = {}, {}
        for id in free:
            region = box.union(taken[id][0]) if id in taken else box
            now = self.occupied([id], region)
            ours = paste(mask, box, region)
            earlier = paste(taken[id][1], taken[id][0], region) if id in taken else np.zeros(region.shape, bool)
            if earlier.any():
                elsewhere = [other for other in (*free, *locked) if other != id]
                earlier &= ~self.occupied(elsewhere, region)
            take, give = now & ours, earlier & ~ours & ~now
            owed = (now | earlier) & ours
            if owed.any():
                kept[id] = (region, owed)
            if take.any() or give.any():
                result[id] = (region, take, give)
        self._taken[segment_id] = kept
        return result

    def _own_layer_if_needed(self, segment_id: str, box: Box) -> None:
        if not self._sharing(segment_id):
            return
        layer = self._layer(segment_id)
        offset = grid_offset(layer, self.grid())
        joined = extent_box(layer).union(box if offset is None else box.shifted(offset))
        if offset is None or int(np.prod(joined.shape, dtype=np.int64)) > self._shared_layer_limit:
            self._segmentation.SeparateSegmentLabelmap(segment_id)

    def _set(self, segment_id: str, box: Box, mask: np.ndarray, mode: int, overwrite: Iterable[str] = ()) -> None:
        if mode == _LOGIC.MODE_REPLACE and not mask.any():
            box, mask = NOTHING
        # Slicer merges the image's values as they are: where segments share a layer, 1 would be the first one of them.
        value = self.segment(segment_id).GetLabelValue() if mode == _LOGIC.MODE_MERGE_MAX else 1
        image = to_image(mask, box, self.grid(), value)
        if not _LOGIC.SetBinaryLabelmapToSegment(
            image, self.node, segment_id, mode, image.GetExtent(), False, list(overwrite)
        ):
            raise SceneError(
                f"Slicer could not write the segment '{self.segment(segment_id).GetName()}'; check that the "
                "segmentation's source representation is a binary labelmap."
            )

    def _save_own_state(self) -> None:
        if self.history.GetSegmentation() is not self._segmentation:
            self.history.SetSegmentation(self._segmentation)
        self.history.SaveState()
