"""Global histogram equalization without rounding to 8 bits."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from data.base import Float32, Image
from preprocessing.images.base import ImageStep


@dataclass(frozen=True, kw_only=True)
class HistogramEqualization(ImageStep):
    """Spreads the grey values of the whole image evenly over [0, 1], and keeps their order.

    An image of whole numbers from 0 to 255 gives exactly OpenCV's `equalizeHist` divided by 255. Other images have
    `bins` levels: each whole number (16-bit, HU) has its own bin if their range allows, other values share `bins` bins
    of equal width from minimum to maximum. A constant image becomes zeros.

    Args:
        bins: Number of grey levels of an image that is not 8-bit.

    References:
        R. C. Gonzalez, R. E. Woods, Digital Image Processing, 4th ed., section 3.3; OpenCV `equalizeHist`.
    """

    words = "histogram equalization of the whole image to [0, 1]"

    bins: int = 65536

    def __call__(self, image: Image) -> Image:
        """The image in [0, 1]."""
        low, high = float(image.pixels.min()), float(image.pixels.max())
        if low == high:
            return replace(image, pixels=np.zeros_like(image.pixels))
        whole = bool(np.array_equal(image.pixels, np.rint(image.pixels)))
        levels = 256 if whole and low >= 0 and high <= 255 else self.bins
        step = 1.0 if whole and high - low < levels else (high - low) / (levels - 1)
        return replace(image, pixels=_equalized(np.rint((image.pixels - low) / step).astype(np.int64), levels))


def _equalized(index: NDArray[np.int64], levels: int) -> Float32:
    """OpenCV's arithmetic: the lowest bin becomes 0, the scale is float32, levels are rounded."""
    counts = np.bincount(index.ravel())
    above = np.cumsum(counts) - counts[0]
    scale = np.float32(levels - 1) / np.float32(above[-1])
    table = np.rint(above.astype(np.float32) * scale) / np.float32(levels - 1)
    return np.asarray(table[index], dtype=np.float32)
