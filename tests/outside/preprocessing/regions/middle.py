"""The middle of the scan."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from data.base import Box, Image
from preprocessing.regions.base import Region, box_along_axes


@dataclass(frozen=True, kw_only=True)
class Middle(Region):
    """A box around the middle of the scan.

    Args:
        share: Its sides, as a share of those of the scan.
    """

    words = "a box around the middle of the scan"

    share: float = 0.8

    def locate(self, image: Image, sample: Mapping[str, Any]) -> Box:
        shape = np.asarray(image.pixels.shape)
        return box_along_axes(image, (shape - 1) / 2, self.share * shape * image.spacing, slices=None)
