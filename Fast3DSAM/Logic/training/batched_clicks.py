"""The simulated user's clicks for all targets at once, on the device where their masks already lie."""

from __future__ import annotations

from typing import List, Sequence, Tuple

import numpy as np
import torch
from torch import Tensor

_REACH = 16  # voxels; places deeper than that are equally deep


def places_in_errors(
    rng: np.random.Generator, masks: Tensor, targets: Tensor, counts: Sequence[int], deepest_share: float
) -> List[List[Tuple[Tuple[int, int, int], bool]]]:
    """Per row `counts` pairs (voxel (k, j, i), whether it is target) in the errors of `masks` against `targets`.

    Both (N, d, h, w) bool, on one device. `deepest_share` of the places are the error's deepest voxel, the others
    anywhere inside, by the square of the depth. A perfect mask's error is its target, or all else where there is none.
    Unlike `simulated_user.correcting_click` it does not part errors into components, which needs a processor: the
    deepest place of all errors is nearly always within the largest.
    """
    rows = np.flatnonzero(counts)
    found: List[List[Tuple[Tuple[int, int, int], bool]]] = [[] for _ in counts]
    if not len(rows):
        return found
    chosen = torch.from_numpy(rows).to(targets.device)
    targets, most = targets[chosen], max(counts)
    depth = squared_depth(_errors(masks[chosen], targets)).flatten(1)
    depth = torch.stack([depth == depth.amax(1, keepdim=True), depth])  # int16 holds both
    shares = depth.cumsum(2, dtype=torch.float64)  # whole numbers: exact
    drawn = torch.from_numpy(rng.random((len(rows), most))).to(shares)
    places = torch.searchsorted(shares, drawn * shares[:, :, -1:], right=True)
    is_anywhere = torch.from_numpy(rng.random((len(rows), most)) >= deepest_share).to(places.device)
    places = torch.where(is_anywhere, places[1], places[0]).clamp(max=depth.shape[2] - 1)
    is_target = targets.flatten(1).gather(1, places).cpu().numpy()
    voxels = np.stack(np.unravel_index(places.cpu().numpy(), targets.shape[1:]), -1)
    for row, of_row, signs in zip(rows, voxels, is_target):
        found[row] = [(tuple(v), bool(s)) for v, s in zip(of_row[: counts[row]], signs)]
    return found


def squared_depth(mask: Tensor, reach: int = _REACH) -> Tensor:
    """Squared distance of each voxel of `mask` (N, d, h, w) bool to the nearest outside it, at most `reach` squared.

    int16, exact; what lies beyond the tile is outside. One axis at a time (Saito and Toriwaki, Pattern Recognition
    1994), every step a pass over all voxels.
    """
    depth = mask.to(torch.int16) * reach**2
    for axis in (1, 2, 3):
        size = depth.shape[axis]
        line = torch.arange(size, device=depth.device)
        to_face = torch.minimum(line + 1, size - line).clamp(max=reach).square().to(depth)
        nearest = torch.minimum(depth, to_face.view([-1 if a == axis else 1 for a in range(4)]))
        for step in range(1, min(reach, size)):
            kept, cost = size - step, step * step
            low, high = nearest.narrow(axis, 0, kept), nearest.narrow(axis, step, kept)
            torch.minimum(low, depth.narrow(axis, step, kept) + cost, out=low)
            torch.minimum(high, depth.narrow(axis, 0, kept) + cost, out=high)
        depth = nearest
    return depth


def _errors(masks: Tensor, targets: Tensor) -> Tensor:
    errors = masks != targets
    errors = errors | (targets & _empty(errors))
    return errors | (~targets & _empty(errors))


def _empty(masks: Tensor) -> Tensor:
    return ~masks.flatten(1).any(1)[:, None, None, None]
