"""The whole image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from data.base import Box, Image
from preprocessing.regions.base import Region, box_along_axes


@dataclass(frozen=True, kw_only=True)
class Whole(Region):
    """The whole image, or its central slices.

    Args:
        slices: The number of central slices; None takes all.
    """

    slices: int | None = None

    def locate(self, image: Image, sample: Mapping[str, Any]) -> Box:
        """The box of all voxels; every sample of a scan shares it."""
        shape = np.asarray(image.pixels.shape)
        return box_along_axes(image, (shape - 1) / 2, shape * image.spacing, slices=self.slices)
