"""Mean 0, standard deviation 1."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from data.base import Image
from preprocessing.images.base import ImageStep


@dataclass(frozen=True, kw_only=True)
class Zscore(ImageStep):
    """Shifts and scales the image so that its foreground has mean 0 and standard deviation 1.

    The foreground is all that is brighter than the image's mean, as in TorchIO's `ZNormalization.mean`. This rule needs
    no unit and no zero background, so that both intensity conventions of MRI give the same result. If the foreground
    has one value, the whole image takes its place; a constant image becomes zeros.

    Args:
        foreground: Whether mean and deviation are taken from the foreground, not from the whole image.

    References:
        F. Perez-Garcia, R. Sparks, S. Ourselin, TorchIO, 2021, doi:10.1016/j.cmpb.2021.106236.
    """

    words = "scaling to mean 0 and standard deviation 1, as in TorchIO"
    cites = ("perezgarcia2021",)

    foreground: bool = True

    def __call__(self, image: Image) -> Image:
        """The standardised image, float32 without unit."""
        chosen = image.pixels
        if self.foreground:
            bright = image.pixels[image.pixels > image.pixels.mean(dtype=np.float64)]
            if bright.size and bright.min() < bright.max():
                chosen = bright
        if chosen.min() == chosen.max():
            return replace(image, pixels=np.zeros_like(image.pixels))
        mean, deviation = chosen.mean(dtype=np.float64), chosen.std(dtype=np.float64)
        return replace(image, pixels=((image.pixels - mean) / deviation).astype(np.float32))
