"""A window of the scanner's units, mapped to [0, 1]."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from data.base import Image
from preprocessing.images.base import ImageStep


@dataclass(frozen=True, kw_only=True)
class Window(ImageStep):
    """Maps a window of the scanner's units (HU, SUV) linearly to [0, 1], and clips values outside it.

    This is DICOM's LINEAR_EXACT function, `(x - centre) / width + 0.5`. The default is CT's window for soft tissue.

    Args:
        centre: Value that becomes 0.5, in the image's units.
        width: Difference between the values that become 0 and 1, in the image's units.

    References:
        DICOM PS3.3, C.11.2.1.3.2.
    """

    words = "a linear window of the scanner's units to [0, 1]"

    centre: float = 40.0
    width: float = 400.0

    def __call__(self, image: Image) -> Image:
        """The image in [0, 1].

        Raises:
            ValueError: `width` is not above 0.
        """
        if self.width <= 0:
            raise ValueError(f"width ({self.width}) must be above 0: 400 shows soft tissue, 2000 bone")
        return replace(image, pixels=np.clip((image.pixels - self.centre) / self.width + 0.5, 0, 1))
