"""The whole image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from data.base import Box, Image
from preprocessing.regions.base import FixedRegion, box_along_axes


@dataclass(frozen=True, kw_only=True)
class Whole(FixedRegion):
    """The whole image, or its central slices.

    Args:
        slices: The number of central slices; None takes all.
        mirror: Whether samples whose `side` is `left` are flipped, so that they look like samples of the right side.
    """

    words = "the whole of each slice"

    slices: int | None = None
    mirror: bool = False

    def locate(self, image: Image, sample: Mapping[str, Any]) -> Box:
        """The box of all voxels; all samples of a scan and side share it."""
        shape = np.asarray(image.pixels.shape)
        box = box_along_axes(image, (shape - 1) / 2, shape * image.spacing, slices=self.slices)
        return replace(box, mirrored=self.mirror and sample.get("side") == "left")
