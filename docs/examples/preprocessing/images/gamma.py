"""A gamma curve."""

from dataclasses import dataclass, replace

import numpy as np

from data.base import Image
from preprocessing.images.base import ImageStep


@dataclass(frozen=True, kw_only=True)
class Gamma(ImageStep):
    """Scales the image to [0, 1] and raises it to a power; a constant image becomes zeros.

    Args:
        power: Below 1 brightens what is dark, above 1 darkens it.
    """

    power: float = 0.5

    def __call__(self, image: Image) -> Image:
        """The image in [0, 1]; the one that comes in stays as it was."""
        low, high = float(image.pixels.min()), float(image.pixels.max())
        if low == high:
            return replace(image, pixels=np.zeros_like(image.pixels))
        scaled = (image.pixels - low) / (high - low)
        return replace(image, pixels=(scaled**self.power).astype(np.float32))
