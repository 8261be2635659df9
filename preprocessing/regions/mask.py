"""A box around a structure of the mask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from data.base import Box, Image
from preprocessing.regions.base import FixedRegion, box_along_axes


@dataclass(frozen=True, kw_only=True)
class Mask(FixedRegion):
    """A box around a labelled structure, along the image's axes.

    Its centre is the middle of the structure's bounding box, so that the margin is the same on every side and nothing
    of the structure is cut; a centroid would drift towards the thick end of a wedged disc. Sides within the slice are
    whole voxels (rounded up), so that structures of one size give crops of one shape.

    Args:
        label: The column of `samples()` that holds the structure's label in the mask, or the label itself.
        margin: Length added on every side of the structure, mm.
        slices: The number of slices nearest the structure's middle; None takes the structure's own and the margin.
        size: Side of a fixed square within the slice, mm, which may cut the structure; 0 follows the structure.
        square: Whether both sides within the slice are as long as the longer, so that resizing keeps proportions.
    """

    words = "a box around the labelled structure of the dataset's mask"

    label: str | int = "mask_label"
    margin: float = 5.0
    slices: int | None = 1
    size: float = 0.0
    square: bool = True

    def gives_structure(self) -> bool:
        """True."""
        return True

    def needs_masks(self) -> bool:
        """True."""
        return True

    def locate(self, image: Image, sample: Mapping[str, Any]) -> Box | None:
        """The structure's box; None if the sample has no label, the image has no mask, or the mask lacks this label.

        Raises:
            ValueError: A length is negative, or there is no such column.
        """
        if self.margin < 0 or self.size < 0:
            raise ValueError(f"margin ({self.margin}) and size ({self.size}) are lengths in mm: use 0 or more")
        label = self._of(sample)
        if label is None or image.mask is None:
            return None
        inside = np.unravel_index(np.flatnonzero(image.mask == label), image.mask.shape)
        if not inside[0].size:
            return None
        first = np.asarray([axis.min() for axis in inside])
        last = np.asarray([axis.max() for axis in inside])
        spacing = np.asarray(image.spacing)
        size = (last - first + 1) * spacing + 2 * self.margin
        if self.size:
            size[1:] = self.size
        elif self.square:
            size[1:] = size[1:].max()
        size[1:] = np.ceil(size[1:] / spacing[1:] - 1e-6) * spacing[1:]
        return box_along_axes(image, (first + last) / 2, size, slices=self.slices, structure=label)

    def _of(self, sample: Mapping[str, Any]) -> int | None:
        import pandas as pd

        if isinstance(self.label, int):
            return self.label
        if self.label not in sample:
            known = ", ".join(map(str, sample))
            raise ValueError(f"samples have no column '{self.label}': set label to a number or one of {known}")
        return None if pd.isna(sample[self.label]) else int(sample[self.label])
