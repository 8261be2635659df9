"""Occlusion: how a score changes when patches of a crop are replaced, as a map over the crop.

References:
    M. D. Zeiler, R. Fergus, Visualizing and understanding convolutional networks, ECCV 2014,
    doi:10.1007/978-3-319-10590-1_53.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from data.base import Float32, Float64, Image

Filling = Literal["mean", "blur"]
FILLINGS: tuple[str, ...] = get_args(Filling)
SIXTH = 6  # patches along the longer side of a slice, by default
THICK = 2.0  # slices that lie further apart than so many pixels are covered one at a time
SMALLEST = 1e-6  # the most that a probability of exactly 0 counts as, so that log odds are finite

Window = tuple[slice, slice, slice]


def log_odds(P: NDArray[np.floating], of: int) -> Float64:
    """The log odds `(n,)` of class `of` against all others together, from probabilities `(n, K)`.

    Their size is not cut: where a model is very sure, the others' small probabilities tell how sure. A probability of
    exactly 0, such as nearest neighbours give, counts as the smallest one above 0 of the n rows, at most 1e-6.
    """
    P = np.asarray(P, dtype=np.float64)
    both = np.stack([P[:, of], np.delete(P, of, axis=1).sum(axis=1)])
    least = both.min(where=both > 0, initial=SMALLEST)
    logs = np.log(np.maximum(both, least))
    return np.asarray(logs[0] - logs[1])


def usual_patch(crops: Sequence[Image]) -> float:
    """The side of a patch in mm: a sixth of the longer side of a slice, in the median over crops; rounded to .1 mm."""
    sides = [max(length * mm for length, mm in zip(c.pixels.shape[1:], c.spacing[1:], strict=True)) for c in crops]
    return float(max(np.round(np.median(sides) / SIXTH, 1), 0.1))


@dataclass(frozen=True)
class Patches:
    """The windows of a crop that are covered one after another; neighbours overlap by half, and all voxels are covered.

    A window has `side` mm along each axis, as near as whole voxels allow. Where slices are more than twice as far apart
    as pixels, it is one slice thick.

    Args:
        shape: D, H and W of the crop.
        spacing: Distance of its voxels along these axes, mm.
        side: The patch's side, mm.
    """

    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]
    side: float

    @classmethod
    def of(cls, image: Image, side: float) -> Patches:
        """The windows of an image."""
        d, h, w = image.pixels.shape
        return cls((d, h, w), image.spacing, side)

    @property
    def lengths(self) -> tuple[int, int, int]:
        """Voxels of a window along each axis."""
        d, h, w = (min(max(1, round(self.side / mm)), n) for n, mm in zip(self.shape, self.spacing, strict=True))
        return (1 if self.spacing[0] > THICK * max(self.spacing[1:]) else d), h, w

    @cached_property
    def windows(self) -> list[Window]:
        """The windows, slice by slice."""
        spans = [_spans(n, k) for n, k in zip(self.shape, self.lengths, strict=True)]
        return [(d, h, w) for d, h, w in product(*spans)]

    def map(self, changes: NDArray[np.floating]) -> Float32:
        """A value for each voxel `(D, H, W)`: the mean of the changes `(n,)` of the windows that cover it."""
        total, count = np.zeros(self.shape), np.zeros(self.shape)
        for window, change in zip(self.windows, changes, strict=True):
            total[window] += change
            count[window] += 1
        return np.asarray(total / count, dtype=np.float32)

    def filling(self, image: Image, mean: Float32 | None) -> Float32:
        """What windows are replaced by, `(D, H, W)`: the `mean` crop, resampled to the image; for None a local blur.

        The blur is a Gaussian whose standard deviation is half a window along each axis, 0 along one with windows of
        one voxel.
        """
        from scipy.ndimage import gaussian_filter

        if mean is not None:
            return resampled(mean, self.shape)
        return np.asarray(gaussian_filter(image.pixels, [k / 2 if k > 1 else 0.0 for k in self.lengths]))

    def covered(self, image: Image, filling: Float32) -> Iterator[Image]:
        """The image with each of the windows replaced, one after another."""
        for window in self.windows:
            pixels = image.pixels.copy()
            pixels[window] = filling[window]
            yield replace(image, pixels=pixels)


def _spans(length: int, window: int) -> list[slice]:
    """Evenly spaced windows from one end of an axis to the other, which overlap by half or more."""
    count = 1 + -(-(length - window) // max(1, window // 2))
    starts = np.unique(np.linspace(0, length - window, count).round().astype(int))
    return [slice(start, start + window) for start in starts.tolist()]


def mean_crop(crops: Sequence[Image]) -> Float32:
    """The mean of crops, each resampled to their median shape `(D, H, W)`."""
    shapes = np.array([crops[i].pixels.shape for i in range(len(crops))])
    d, h, w = np.median(shapes, axis=0).round().astype(int).tolist()
    total = np.zeros((d, h, w))
    for i in range(len(crops)):
        total += resampled(crops[i].pixels, (d, h, w))
    return np.asarray(total / len(crops), dtype=np.float32)


def resampled(pixels: Float32, shape: tuple[int, int, int]) -> Float32:
    """Pixels `(D, H, W)` interpolated linearly to another shape over the same extent."""
    from scipy.ndimage import zoom

    if pixels.shape == shape:
        return pixels
    factors = [new / old for new, old in zip(shape, pixels.shape, strict=True)]
    return np.asarray(zoom(pixels, factors, order=1, mode="nearest", grid_mode=True), dtype=np.float32)
