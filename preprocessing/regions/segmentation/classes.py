"""The classes of the network, and their labels in SPIDER."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

CLASSES = ("background", "vertebra", "canal", "disc")
VERTEBRA, CANAL, DISC = 1, 2, 3
CANAL_LABEL, FIRST_DISC = 100, 201


def classes_of(mask: NDArray[np.int16]) -> NDArray[np.uint8]:
    """The class of every voxel of a SPIDER mask, of the same shape.

    1-99 are vertebrae, 101-125 partly visible vertebrae, 100 is the canal, 201-250 are discs; the rest is background.

    References:
        J. van der Graaf et al., Lumbar spine segmentation in MR images: a dataset and a public benchmark, Scientific
        Data 11, 2024, doi:10.1038/s41597-024-03090-w.
    """
    classes = np.zeros(mask.shape, dtype=np.uint8)
    classes[((mask >= 1) & (mask < CANAL_LABEL)) | ((mask > CANAL_LABEL) & (mask <= 125))] = VERTEBRA
    classes[mask == CANAL_LABEL] = CANAL
    classes[(mask >= FIRST_DISC) & (mask <= 250)] = DISC
    return classes
