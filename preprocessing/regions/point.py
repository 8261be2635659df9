"""A box around an annotated point."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from data.base import Box, Image
from preprocessing.regions.base import FixedRegion, box_at


@dataclass(frozen=True, kw_only=True)
class Point(FixedRegion):
    """A box around the point that the dataset's annotators marked for a sample, along the axes of the nearest slice.

    The point is a place in the patient, so that the box is found in every sequence, not only in the one that was
    marked. There is no box if a sequence has no slice within one slice distance of the point, or none that reaches it.

    Args:
        size: Length along H and W, mm; rounded up to whole voxels, so that all crops of a scan have one shape.
        slices: The number of slices nearest the point.
        mirror: Whether samples whose `side` is `left` are flipped, so that they look like samples of the right side.
    """

    words = "a box around the point that the dataset's annotators marked"

    uses_points: ClassVar[bool] = True

    size: tuple[float, float] = (60.0, 60.0)
    slices: int = 5
    mirror: bool = False

    def locate(self, image: Image, sample: Mapping[str, Any]) -> Box | None:
        """The box; None if the sample has no point or the image does not show it.

        Raises:
            ValueError: A size is not above 0, or fewer than one slice is wanted.
        """
        if min(self.size) <= 0:
            raise ValueError(f"size {self.size} must be two lengths above 0 mm, along H and W")
        point = sample.get("point")
        if point is None:
            return None
        index = image.index(point)
        shape = np.asarray(image.pixels.shape)
        directions, away = image.directions, max(-index[0], index[0] - (shape[0] - 1), 0.0)
        if image.planes is not None:
            plane = image.planes[int(index[0]), :3, :3]
            distance = np.linalg.norm(plane, axis=0)
            directions, away = (plane / distance).T, abs(image.on_planes(point)[0][int(index[0])]) / distance[0]
        if away > 1 or (index[1:] < -0.5).any() or (index[1:] > shape[1:] - 0.5).any():
            return None
        spacing = np.asarray(image.spacing)
        size = np.append(self.slices, np.ceil(np.asarray(self.size) / spacing[1:] - 1e-6)) * spacing
        mirrored = self.mirror and sample.get("side") == "left"
        return box_at(point, size, directions, slices=self.slices, mirrored=mirrored)
