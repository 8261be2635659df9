"""Removes a coil's slow change of intensity by N4."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from data.base import Image
from preprocessing.images.base import ImageStep


@dataclass(frozen=True, kw_only=True)
class N4Bias(ImageStep):
    """Divides the image by a smooth field, a B-spline that N4 fits to a coarser copy of the image's foreground.

    Otsu's threshold separates the foreground from the background. For the fit, pixels below 0 are shifted to begin at
    0. A constant image stays as it is, and so does an image with a single row or column. A single slice gets a
    two-dimensional field.

    Args:
        shrink: The number of pixels that the copy merges along rows and columns; slices are merged up to the same
            length in mm. At least two remain along each axis.
        levels: Number of levels of the fit; each halves the distance of the B-spline's knots.
        iterations: Largest number of iterations on each level.

    References:
        N. J. Tustison et al., N4ITK: improved N3 bias correction, IEEE Transactions on Medical Imaging 29, 2010,
        doi:10.1109/TMI.2010.2046908.
    """

    words = "N4 bias field correction"
    cites = ("tustison2010",)
    packages = ("simpleitk",)

    shrink: int = 4
    levels: int = 3
    iterations: int = 50

    def __call__(self, image: Image) -> Image:
        """The image without the field, in the same unit.

        Raises:
            ValueError: `shrink`, `levels` or `iterations` is below 1, or a pixel is NaN or infinite.
        """
        import SimpleITK

        if min(self.shrink, self.levels, self.iterations) < 1:
            raise ValueError(
                f"shrink ({self.shrink}), levels ({self.levels}) and iterations ({self.iterations}) must be 1 or more"
            )
        if not np.isfinite(image.pixels).all():
            raise ValueError("n4_bias can't fit a field to NaN or infinite pixels: mend the scan, or leave n4_bias out")
        low = float(image.pixels.min())
        if low == float(image.pixels.max()) or min(image.pixels.shape[1:]) == 1:
            return replace(image, pixels=image.pixels.copy())
        shifted = image.pixels - np.float32(min(low, 0.0))
        flat = len(shifted) == 1
        sitk: Any = SimpleITK
        whole = sitk.GetImageFromArray(shifted[0] if flat else shifted)
        coarse = sitk.Shrink(whole, self._factors(image)[: 2 if flat else 3])
        n4 = sitk.N4BiasFieldCorrectionImageFilter()
        n4.SetMaximumNumberOfIterations([self.iterations] * self.levels)
        n4.Execute(coarse, sitk.OtsuThreshold(coarse, 0, 1))
        field = np.exp(sitk.GetArrayFromImage(n4.GetLogBiasFieldAsImage(whole))).reshape(shifted.shape)
        pixels = shifted / field + np.float32(min(low, 0.0))
        return replace(image, pixels=np.asarray(pixels, dtype=np.float32))

    def _factors(self, image: Image) -> list[int]:
        """The merged pixels along W, H and D."""
        between, down, right = image.spacing
        depth, height, width = image.pixels.shape
        slices = round(self.shrink * min(down, right) / between)
        return [
            max(1, min(wanted, n // 2))
            for wanted, n in zip((self.shrink, self.shrink, slices), (width, height, depth), strict=True)
        ]
