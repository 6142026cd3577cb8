"""Geodesic maps of clicks: how near a voxel is along ways on which the image changes little.

A box more than the paper has. One click says little about where its object ends; the edges around it say more, and
convolutions of a light decoder cannot follow them from the click on (Criminisi et al., GeoS, ECCV 2008, for the raster
scans; Wang et al., DeepIGeoS, TPAMI 2019, for such maps as a network's prompt).
"""

from __future__ import annotations

from typing import List

import torch
import torch.nn.functional as F
from torch import Tensor

_FAR = 1e4
_STEP = 0.05  # what a voxel costs where the image does not change
_ROUNDS = 3  # of scans along the three axes, there and back: 3 % too long in pure noise, far less in images
_REACHES = (0.7, 3.0)  # distances at which the maps have fallen to 1/e
GEODESIC_MAPS = len(_REACHES)


def geodesic_maps(grey: Tensor, points: Tensor, chosen: Tensor) -> Tensor:
    """1 at the `chosen` clicks, towards 0 behind edges; 0 in rows without such a click.

    `grey` (B, C, d, h, w) is the image on the 1/2 grid, `points` (B, N, 3) voxels of the tile, `chosen` (S, B, N) bool
    says which clicks are of which of S signs; -> (B, S * GEODESIC_MAPS, d, h, w) float32. Nothing is differentiated.
    """
    with torch.no_grad():
        signs, rows = chosen.shape[:2]
        seeds = torch.cat([_seeds(points.detach(), of_sign, grey.shape[2:]) for of_sign in chosen])
        maps = torch.zeros(signs * rows, GEODESIC_MAPS, *grey.shape[2:], device=grey.device)
        if seeds.is_meta:  # no content: profiled as if all were there
            seeded = torch.arange(len(seeds), device=seeds.device)
        else:  # most often there are no background clicks
            seeded = seeds.flatten(1).any(1).nonzero()[:, 0]
        if len(seeded):  # all signs in one pass, whose many small operations cost more than their work
            distance = geodesic_distance(grey.detach().float()[seeded % rows], seeds[seeded])
            maps[seeded] = torch.stack([torch.exp(distance / -reach) for reach in _REACHES], 1)
        return maps.unflatten(0, (signs, rows)).transpose(0, 1).flatten(1, 2)


def geodesic_distance(grey: Tensor, seeds: Tensor) -> Tensor:
    """Least sum of changes of `grey` (B, C, d, h, w) on a way from the nearest of `seeds` (B, d, h, w) bool.

    Ways go from voxel to face neighbour; found by raster scans, each of which moves whole planes; (B, d, h, w).
    """
    distance = torch.where(seeds, 0.0, _FAR).to(grey)
    if grey.device.type == "cuda":
        return _scanned_at_once(distance, grey)
    costs = [_costs(grey, axis) for axis in (1, 2, 3)]
    for _ in range(_ROUNDS):
        for axis, cost in enumerate(costs, 1):
            planes = distance.movedim(axis, 0).contiguous()  # planes in one piece are scanned twice as fast
            _scan(planes.unbind(0), cost)
            distance = planes.movedim(0, axis)
    return distance


def _scanned_at_once(distance: Tensor, grey: Tensor) -> Tensor:
    """The same scans, each as one running minimum of what lies between a place and the line's beginning.

    A GPU would spend more on starting a plane's operations than on the plane.
    """
    lengths = [F.pad(grey.diff(dim=axis + 1).abs().sum(1) + _STEP, _before(axis)).cumsum(axis) for axis in (1, 2, 3)]
    for _ in range(_ROUNDS):
        for axis, length in enumerate(lengths, 1):
            there = (distance - length).cummin(axis).values + length
            distance = (there + length).flip(axis).cummin(axis).values.flip(axis) - length
    return distance


def _before(axis: int) -> List[int]:
    """`F.pad`'s argument for one voxel before the first along `axis` of (B, d, h, w)."""
    return [int(place == 2 * (3 - axis)) for place in range(6)]


def _costs(grey: Tensor, axis: int) -> List[Tensor]:
    """Of the step from each plane along `axis` to the next."""
    cost = grey.diff(dim=axis + 1).abs().sum(1) + _STEP
    return list(cost.movedim(axis, 0).contiguous().unbind(0))


def _scan(planes, cost: List[Tensor]) -> None:
    """There and back, in place."""
    for before, here, step in zip(planes, planes[1:], cost):
        torch.minimum(here, before + step, out=here)
    for after, here, step in zip(planes[:0:-1], planes[-2::-1], cost[::-1]):
        torch.minimum(here, after + step, out=here)


def _seeds(points: Tensor, chosen: Tensor, grid) -> Tensor:
    """Voxels of the 1/2 grid that hold a chosen click; clicks beside the tile seed nothing."""
    size = torch.tensor(grid, device=points.device)
    voxels = torch.floor((points + 0.5) / 2).long()
    inside = chosen & ((voxels >= 0) & (voxels < size)).all(-1)
    k, j, i = voxels.clamp(torch.zeros_like(size), size - 1).unbind(-1)
    places = (k * grid[1] + j) * grid[2] + i
    count = torch.zeros(len(points), grid[0] * grid[1] * grid[2], device=points.device)
    return (count.scatter_add(1, places, inside.to(count)) > 0).unflatten(1, tuple(grid))
