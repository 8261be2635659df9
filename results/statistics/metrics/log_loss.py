"""The mean negative logarithm of the probability of the true class."""

import numpy as np
from numpy.typing import NDArray

from results.statistics.metrics.base import OfRows


def _losses(y: NDArray[np.int64], P: NDArray[np.float64]) -> NDArray[np.float64]:
    epsilon = np.finfo(np.float64).eps
    return np.asarray(-np.log(np.clip(P[np.arange(len(y)), y], epsilon, 1 - epsilon)))


METRIC = OfRows(
    "Log loss",
    meaning="Mean negative logarithm of the probability of the true class. Lower is better.",
    order=80,
    shown=False,
    lower_is_better=True,
    decimals=3,
    lowest=0,
    loss=_losses,
)
