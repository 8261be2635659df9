"""Pixels stretched to [0, 1] between robust percentiles."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from data.base import Image
from preprocessing.images.base import ImageStep


@dataclass(frozen=True, kw_only=True)
class Grayscale(ImageStep):
    """Stretches the pixels between two percentiles of the whole image to [0, 1], and clips the others.

    If both percentiles have one value (an image that is mostly background), minimum and maximum take their place.
    A constant image becomes zeros.

    Args:
        low: Percentile that becomes 0.
        high: Percentile that becomes 1.

    References:
        L. G. Nyul, J. K. Udupa, X. Zhang, IEEE Trans. Med. Imaging 2000, doi:10.1109/42.836373 (why percentiles).
    """

    words = "a linear stretch between two percentiles of the image to [0, 1]"
    cites = ("nyul2000",)

    low: float = 1.0
    high: float = 99.0

    def __call__(self, image: Image) -> Image:
        """The image in [0, 1].

        Raises:
            ValueError: `low` is not below `high`.
        """
        if self.low >= self.high:
            raise ValueError(f"low ({self.low}) must be below high ({self.high}): the defaults are 1 and 99")
        black, white = map(float, np.percentile(image.pixels, [self.low, self.high]))
        if black == white:
            black, white = float(image.pixels.min()), float(image.pixels.max())
        if black == white:
            return replace(image, pixels=np.zeros_like(image.pixels))
        return replace(image, pixels=np.clip((image.pixels - black) / (white - black), 0, 1))
