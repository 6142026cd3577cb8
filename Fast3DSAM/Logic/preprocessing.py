"""From a volume's voxels to the network's input: checks, anti-aliased tiles, intensity channels."""

from __future__ import annotations

from typing import Sequence, Tuple

import numpy as np
import SimpleITK as sitk

from .errors import InvalidVolumeError
from .geometry import Box
from .tiling import Pyramid, Tile

_NATIVE_TYPES = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "float32", "float64")
_SLAB_VOXELS = 1 << 22  # averaged at a time
_BINS = 8192


def checked_voxels(voxels: np.ndarray) -> np.ndarray:
    """The voxels (k, j, i) as they came, or converted where SimpleITK does not know their type or byte order.

    Raises `InvalidVolumeError` for anything that is not a finite, varying, scalar 3D volume.
    """
    voxels = np.asarray(voxels)
    if voxels.ndim != 3:
        raise InvalidVolumeError(
            f"The volume has {voxels.ndim} dimensions {voxels.shape}; choose one 3D frame or one colour channel."
        )
    if min(voxels.shape) < 2:
        raise InvalidVolumeError(
            f"The volume is {' x '.join(map(str, voxels.shape))} voxels (k, j, i); "
            "a 3D segmentation needs at least two slices along each axis."
        )
    if voxels.dtype.kind not in "biuf":
        raise InvalidVolumeError(f"Voxels of type {voxels.dtype} are not scalars; convert the volume to numbers first.")
    low, high = voxels.min(), voxels.max()
    if voxels.dtype.kind == "f" and not (np.isfinite(low) and np.isfinite(high)):  # NaN is lowest and highest
        raise InvalidVolumeError(
            f"The volume has {int((~np.isfinite(voxels)).sum())} voxels that are not finite (NaN or infinite); "
            "replace them, for example by the volume's minimum, and load it again."
        )
    if low == high:
        raise InvalidVolumeError(f"All voxels have the value {low}; choose a volume with contrast.")
    if voxels.dtype.name not in _NATIVE_TYPES:
        return voxels.astype(np.float32)
    return voxels if voxels.dtype.isnative else voxels.astype(voxels.dtype.newbyteorder("="))


class TileReader:
    """Reads tiles of a pyramid from the volume's voxels, which are kept by reference and never copied whole.

    A tile is averaged down (SimpleITK BinShrink) before it is interpolated, so that coarse levels do not alias.
    The coarsest two levels are read from a shrunken copy that is small by construction.
    """

    def __init__(self, voxels: np.ndarray, pyramid: Pyramid) -> None:
        self.pyramid = pyramid
        self._voxels = voxels
        coarse = pyramid.levels[min(1, len(pyramid.levels) - 1)]
        self._coarse_factor = self._factors(coarse.scale)
        self._coarse = None

    def read(self, tile: Tile) -> Tuple[np.ndarray, np.ndarray]:
        """(voxels float32, inside bool), both (tile_size,)^3; outside the volume the nearest voxel is repeated."""
        level = self.pyramid.levels[tile.level]
        size = self.pyramid.tile_size
        image = self._source(tile)
        # ITK orders axes (i, j, k); the grid's coordinates are voxels of the volume
        origin = self.pyramid.to_volume(tile, [0.0, 0.0, 0.0])
        resampler = sitk.ResampleImageFilter()
        resampler.SetSize([size] * 3)
        resampler.SetOutputOrigin([float(v) for v in origin[::-1]])
        resampler.SetOutputSpacing([float(v) for v in level.scale[::-1]])
        resampler.SetInterpolator(sitk.sitkLinear)
        resampler.SetUseNearestNeighborExtrapolator(True)
        resampler.SetOutputPixelType(sitk.sitkFloat32)
        voxels = sitk.GetArrayFromImage(resampler.Execute(image))
        inside = np.ones((size,) * 3, bool)
        for axis in range(3):
            centres = origin[axis] + level.scale[axis] * np.arange(size)
            good = (centres >= -0.5) & (centres <= self.pyramid.shape[axis] - 0.5)
            inside &= good.reshape([-1 if a == axis else 1 for a in range(3)])
        return voxels, inside

    def _source(self, tile: Tile) -> sitk.Image:
        if tile.level <= 1:
            if self._coarse is None:
                whole = Box((0, 0, 0), self._voxels.shape)
                self._coarse = self._image(whole, self._coarse_factor)
            return self._coarse
        factors = self._factors(self.pyramid.levels[tile.level].scale)
        margin = 2 * max(factors)
        covered = self.pyramid.box_of(tile).padded(margin)
        return self._image(covered.intersection(Box((0, 0, 0), self._voxels.shape)), factors)

    def _image(self, box: Box, factors: Sequence[int]) -> sitk.Image:
        """`box` averaged over `factors` voxels per axis; what they do not divide is left out at the far ends.

        Slab by slab: a whole copy of a large volume in ITK would cost its memory, and more time than the averaging.
        """
        slices = (box.hi[0] - box.lo[0]) // factors[0]
        per_slab = max(1, _SLAB_VOXELS // max(1, factors[0] * box.shape[1] * box.shape[2]))
        slabs = []
        for first in range(0, slices, per_slab):
            lo, hi = (box.lo[0] + factors[0] * n for n in (first, min(first + per_slab, slices)))
            slab = self._voxels[(slice(lo, hi), *box.slices[1:])]
            slabs.append(_shrunk(slab, factors))
        image = sitk.GetImageFromArray(slabs[0] if len(slabs) == 1 else np.concatenate(slabs))
        # the first averaged voxel's centre is that of the voxels in it
        image.SetOrigin([float(v + (f - 1) / 2) for v, f in zip(box.lo[::-1], factors[::-1])])
        image.SetSpacing([float(f) for f in factors[::-1]])
        return image

    def _factors(self, scale: Sequence[float]) -> Tuple[int, ...]:
        return tuple(int(max(1, min(np.floor(s + 1e-6), n // 2))) for s, n in zip(scale, self._voxels.shape))


def _shrunk(voxels: np.ndarray, factors: Sequence[int]) -> np.ndarray:
    if max(factors) == 1:
        return np.ascontiguousarray(voxels)
    image = sitk.GetImageFromArray(np.ascontiguousarray(voxels))
    return sitk.GetArrayFromImage(sitk.BinShrink(image, [int(f) for f in factors[::-1]]))


def normalised_channels(voxels: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """A tile's float voxels and their validity -> the network's channels (3, k, j, i), float32.

    0: clipped to the 0.5th to 99.5th percentile, zero mean, unit deviation. 1: the tile's own cumulative distribution,
    -1 to 1, which gives soft tissue contrast in CT whatever the window. 2: 1 inside the volume, else 0. All percentiles
    come from the voxels inside the volume; outside, the first two channels are at their lowest.
    """
    sample = voxels[::2, ::2, ::2][inside[::2, ::2, ::2]]
    if sample.size == 0:
        sample = voxels[inside] if inside.any() else np.zeros(1, np.float32)
    quantiles = np.quantile(sample, np.linspace(0.005, 0.995, 34)).astype(np.float32)
    centre = np.clip(sample, quantiles[0], quantiles[-1])
    channels = np.empty((3, *voxels.shape), np.float32)
    scaled, equalised, valid = channels
    np.clip(voxels, quantiles[0], quantiles[-1], out=scaled)
    scaled -= centre.mean()
    scaled *= np.float32(1 / (centre.std() + 1e-6))
    equalised[:] = _equalised(voxels, quantiles) if quantiles[-1] > quantiles[0] else 0
    valid[:] = inside
    if not inside.all():
        scaled[~inside] = scaled.min()
        equalised[~inside] = -1
    return channels


def _equalised(voxels: np.ndarray, quantiles: np.ndarray) -> np.ndarray:
    """The cumulative distribution, -1 to 1, linear between `quantiles`."""
    span = quantiles[-1] - quantiles[0]
    # equal quantiles (a large uniform background) would make the interpolation ambiguous
    steps = quantiles + np.arange(len(quantiles), dtype=np.float32) * span * 1e-5
    values = np.linspace(-1, 1, len(quantiles))
    apart = np.diff(steps)[quantiles[1:] > quantiles[0]]  # a background of the lowest value needs no room
    if (apart < 2 * span / _BINS).any():
        return np.interp(voxels, steps, values)
    # A table over equal bins: several times faster than a search per voxel, and as exact while every bin has one knot
    table = np.interp(np.linspace(steps[0], steps[-1], _BINS + 1), steps, values).astype(np.float32)
    place = (voxels - steps[0]) * np.float32(_BINS / (steps[-1] - steps[0]))
    np.clip(place, 0, np.nextafter(np.float32(_BINS), np.float32(0)), out=place)
    low = place.astype(np.int32)
    place -= low
    place *= np.diff(table)[low]
    place += table[low]
    return place
