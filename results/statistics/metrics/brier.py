"""The mean squared error of the probabilities."""

import numpy as np
from numpy.typing import NDArray

from results.statistics.metrics.base import OfRows


def _losses(y: NDArray[np.int64], P: NDArray[np.float64]) -> NDArray[np.float64]:
    squares = (P - np.eye(P.shape[1])[y]) ** 2
    return np.asarray(squares[:, 1] if P.shape[1] == 2 else squares.sum(axis=1))


METRIC = OfRows(
    "Brier",
    meaning="Mean squared error of the probabilities. Lower is better.",
    order=90,
    shown=False,
    lower_is_better=True,
    decimals=3,
    lowest=0,
    loss=_losses,
    reference="G. W. Brier, 1950, doi:10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2",
)
