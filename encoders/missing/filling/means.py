"""The mean of each sequence over the training samples that have it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data.base import Float32


def training_means(values: Float32, present: NDArray[np.bool_]) -> Float32:
    """`(S, F)` float32; zeros for a sequence that no sample has.

    Args:
        values: `(N, S, F)` float32.
        present: `(N, S)` bool.
    """
    count = np.maximum(present.sum(axis=0), 1)[:, None]
    total = np.where(present[:, :, None], values, 0).sum(axis=0, dtype=np.float64)
    return np.asarray((total / count).astype(np.float32))
