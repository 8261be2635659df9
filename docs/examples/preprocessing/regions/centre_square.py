"""A square around the centre of the scan."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from data.base import Box, Image
from preprocessing.regions.base import FixedRegion, box_along_axes


@dataclass(frozen=True, kw_only=True)
class CentreSquare(FixedRegion):
    """The same square of every slice, around the centre of the scan.

    Args:
        side: Length of the square's sides, mm.
        slices: How many central slices are kept; None keeps all.
    """

    side: float = 60.0
    slices: int | None = None

    def locate(self, image: Image, sample: Mapping[str, Any]) -> Box:
        """The box of a sample; all samples of a scan share it."""
        shape = np.asarray(image.pixels.shape)
        depth = shape[0] * image.spacing[0]
        return box_along_axes(image, (shape - 1) / 2, (depth, self.side, self.side), slices=self.slices)
