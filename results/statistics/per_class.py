"""Sensitivity, specificity and F1 of each class.

Rates map counts `(..., K, K)` float64, rows true and columns predicted (`confusion.count`), to `(..., K)`: each class
against the rest. A rate of 0 / 0 is NaN; F1 is then 0, as in macro F1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]


def sensitivity(counts: Float64) -> Float64:
    """The share of a class that is predicted as that class."""
    return _divide(_right(counts), counts.sum(-1))


def specificity(counts: Float64) -> Float64:
    """The share of the rest that is not predicted as the class."""
    return _divide(_rightly_not(counts), counts.sum((-2, -1))[..., None] - counts.sum(-1))


def f1(counts: Float64) -> Float64:
    """The harmonic mean of sensitivity and PPV; 0 for a class that neither occurs nor is predicted."""
    return np.nan_to_num(_divide(2 * _right(counts), counts.sum(-1) + counts.sum(-2)))


def _right(counts: Float64) -> Float64:
    return np.diagonal(counts, axis1=-2, axis2=-1)


def _rightly_not(counts: Float64) -> Float64:
    return np.asarray(counts.sum((-2, -1))[..., None] - counts.sum(-1) - counts.sum(-2) + _right(counts))


def _divide(part: Float64, whole: Float64) -> Float64:
    return np.divide(part, whole, out=np.full_like(whole, np.nan), where=whole > 0)
