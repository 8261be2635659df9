"""The mean AUC over all ways to cut ordered classes in two."""

import numpy as np
from numpy.typing import NDArray

from results.statistics.metrics.base import OfPairs


def _thresholds(n_classes: int) -> NDArray[np.bool_]:
    """`(K - 1, K)`: the classes above each threshold."""
    return np.arange(n_classes) > np.arange(n_classes - 1)[:, None]


METRIC = OfPairs(
    "AUC over thresholds",
    meaning="Mean AUC over all ways to cut the grades in two.",
    order=120,
    ordinal=True,
    tasks=_thresholds,
)
