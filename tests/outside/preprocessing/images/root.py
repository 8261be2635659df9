"""A root of the grey values."""

from dataclasses import dataclass, replace

import numpy as np

from data.base import Image
from preprocessing.images.base import ImageStep


@dataclass(frozen=True, kw_only=True)
class Root(ImageStep):
    """Scales the image to [0, 1] and takes a root; a constant image becomes zeros.

    Args:
        degree: 2 for the square root.
    """

    words = "a root of the grey values, scaled to [0, 1]"
    cites = ("@book{haverkamp1998,\n  author={Haverkamp, Jan},\n  title={Roots of Grey},\n  year={1998}\n}",)

    degree: float = 2.0

    def __call__(self, image: Image) -> Image:
        low, high = float(image.pixels.min()), float(image.pixels.max())
        if low == high:
            return replace(image, pixels=np.zeros_like(image.pixels))
        return replace(image, pixels=((image.pixels - low) / (high - low)) ** np.float32(1 / self.degree))
