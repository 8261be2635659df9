"""Contrast-limited adaptive histogram equalization of every slice."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from data.base import Float32, Image
from preprocessing.images.base import ImageStep

BINS = 256


@dataclass(frozen=True, kw_only=True)
class Clahe(ImageStep):
    """Equalizes every slice tile by tile, with limited contrast, to [0, 1].

    On 8-bit slices the result is that of OpenCV's CLAHE, to within 1 of 255 levels. For 16 bits OpenCV has a bin for
    each of 65,536 levels, where the usual values of `clip_limit` have no effect. Here there are 256 bins over the range
    of the whole image; grey values between them are interpolated, so that nothing is rounded to 8 bits. A constant
    image becomes zeros.

    Args:
        clip_limit: Largest slope of the contrast: the ratio of a bin's count to the mean count of a tile's bins.
        tiles: Tiles along each side of a slice.

    References:
        K. Zuiderveld, Graphics Gems IV, 1994, chapter VIII.5; OpenCV `createCLAHE`.
    """

    words = "contrast-limited adaptive histogram equalization, slice by slice"
    cites = ("zuiderveld1994",)
    packages = ("scipy",)

    clip_limit: float = 2.0
    tiles: int = 8

    def __call__(self, image: Image) -> Image:
        """The image in [0, 1]."""
        low, high = float(image.pixels.min()), float(image.pixels.max())
        if low == high:
            return replace(image, pixels=np.zeros_like(image.pixels))
        grey = (image.pixels - low) * ((BINS - 1) / (high - low))
        return replace(image, pixels=np.stack([self._slice(one) for one in grey]))

    def _slice(self, grey: Float32) -> Float32:
        from scipy.ndimage import map_coordinates

        uneven = any(n % self.tiles for n in grey.shape)  # OpenCV then pads both sides, even a side that needs none
        padding = [(0, self.tiles - n % self.tiles if uneven else 0) for n in grey.shape]
        padded = np.rint(np.pad(grey, padding, mode="reflect")).astype(np.int64)
        side = [n // self.tiles for n in padded.shape]
        blocks = padded.reshape(self.tiles, side[0], self.tiles, side[1]).swapaxes(1, 2)
        curves = self._curves(blocks.reshape(self.tiles**2, -1)).reshape(self.tiles, self.tiles, BINS)
        row, column = (np.arange(n) / s - 0.5 for n, s in zip(grey.shape, side, strict=True))
        at = np.stack(np.broadcast_arrays(row[:, None], column[None, :], grey))
        return np.asarray(map_coordinates(curves, at, order=1, mode="nearest"), dtype=np.float32)

    def _curves(self, blocks: NDArray[np.int64]) -> Float32:
        """`(tiles, pixels)` of bins to each tile's cumulative clipped histogram `(tiles, BINS)` in [0, 1]."""
        tiles, pixels = blocks.shape
        tile = np.arange(tiles)[:, None]
        counts = np.bincount((tile * BINS + blocks).ravel(), minlength=tiles * BINS).reshape(tiles, BINS)
        limit = max(int(self.clip_limit * pixels / BINS), 1)
        counts = np.minimum(counts, limit)
        everywhere, left = np.divmod(pixels - counts.sum(axis=1, keepdims=True), BINS)
        step = np.maximum(BINS // np.maximum(left, 1), 1)
        bins = np.arange(BINS)
        counts = counts + everywhere + ((bins % step == 0) & (bins // step < left))
        return np.asarray(np.cumsum(counts, axis=1) / pixels, dtype=np.float32)
