"""The weights of classes in a loss."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data.base import Float64


def class_weights(y: NDArray[np.int64], classes: int, *, weighted: bool) -> tuple[Float64, Float64]:
    """The weight of each class in the loss, and its base rate under these weights, `(K,)` each.

    Args:
        y: `(n,)` class indices.
        classes: K.
        weighted: Whether all classes have the same total weight; otherwise each weight is 1.
    """
    counts = np.bincount(y, minlength=classes)
    weights = len(y) / (np.count_nonzero(counts) * np.maximum(counts, 1)) if weighted else np.ones(classes)
    return weights, weights * counts / len(y)
