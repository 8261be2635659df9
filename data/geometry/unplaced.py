"""The affine of images whose files say nothing of their place and their spacing, such as photographs."""

from __future__ import annotations

import numpy as np

from data.base import Image

UNPLACED = np.eye(4)[[2, 1, 0, 3]]
"""1 mm for a voxel, columns along x, rows along y."""


def has_spacing(image: Image) -> bool:
    """Whether the file of an image gave its spacing; where it did not, a voxel counts as 1 mm."""
    return not np.array_equal(image.affine, UNPLACED)
