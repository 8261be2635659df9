"""Sensitivity: the share of class 1 that is found."""

import numpy as np

from results.statistics.metrics.base import Float64, OfCounts


def sensitivity(counts: Float64) -> Float64:
    """Of confusion counts `(..., 2, 2)`, rows true and columns predicted; NaN where class 1 is absent."""
    positive = counts[..., 1, :].sum(axis=-1)
    return np.where(positive > 0, counts[..., 1, 1] / np.maximum(positive, 1), np.nan)


METRIC = OfCounts(
    "Sensitivity",
    meaning="The share of samples of class 1 that are predicted as class 1.",
    binary=True,
    shown=False,
    formula=sensitivity,
    among=lambda y: y == 1,
    lowest=0,
    highest=1,
)
