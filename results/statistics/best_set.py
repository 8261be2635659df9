"""Which of several cells may be the best: the others are shown to be worse than some cell."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from results.statistics.bootstrap import FEWEST, PredictedRows
from results.statistics.metrics.base import AnyMetric
from results.statistics.uncertainty import factor, least_error

Float64 = NDArray[np.float64]
Bool = NDArray[np.bool_]

LEVEL = 0.05
TINY = 1e-12


def best_set(metric: AnyMetric, rows: PredictedRows, values: Float64, draws: Float64, *, level: float = LEVEL) -> Bool:
    """`(C,)`: the cells that are not shown to be worse than another cell.

    The probability that a best cell is missing from the set is at most `level`, also if several are equally good. A
    cell is excluded if it lies below some other cell by more than c standard errors of their paired difference. c is
    the upper `level` quantile, over joint resamples, of the largest such distance of any cell that is still in the set
    (all pairs, step-down: after each round the excluded cells no longer count). Standard errors cover training sets
    (`results.statistics.uncertainty`).

    Args:
        metric: The metric.
        rows: The rows that every cell predicts.
        values: `(C,)` the metric of each cell.
        draws: `(C, R, B)` the metric of each cell in each repeat and resample.
        level: The probability of a wrong exclusion.

    Returns:
        True for every cell if there are fewer than `FEWEST` patients, or too few usable resamples.

    References:
        J. C. Hsu, Multiple comparisons: theory and methods, 1996, ISBN 978-0-412-98281-1.
        M. Mogstad, J. P. Romano, A. M. Shaikh and D. Wilhelm, Inference for ranks with applications to mobility across
        neighbourhoods and academic achievement across countries, 2024, doi:10.1093/restud/rdad006.
    """
    from scipy.special import ndtri, stdtr

    C, n = len(values), rows.n_patients
    whole = np.isfinite(draws).all(axis=(0, 1))
    if C < 2 or n < FEWEST or whole.sum() < max(2, draws.shape[2] / 2):
        return np.ones(C, dtype=bool)
    draws = draws[:, :, whole]
    sign = -1.0 if metric.lower_is_better else 1.0
    errors = np.sqrt(_variances(draws) * factor(metric, rows) * n / (n - 1))
    fixed = (errors < TINY) & (np.abs(values[:, None] - values) > TINY)
    errors[fixed] = np.nan_to_num(least_error(metric, rows))
    values, drawn = sign * values, sign * draws.mean(axis=1)
    drawn = drawn - values[:, None]
    below, largest = np.empty(C), np.empty(drawn.shape)
    for i in range(C):
        varying = errors[i] > TINY
        with np.errstate(divide="ignore", invalid="ignore"):
            t = np.where(varying, (values - values[i]) / errors[i], 0)
        difference = drawn[varying] - drawn[i]
        spread = np.maximum(difference.std(axis=1, ddof=1), TINY)
        below[i] = -ndtri(stdtr(n - 1, -t.max()))
        largest[i] = (difference / spread[:, None]).max(axis=0, initial=0)
    kept = np.ones(C, dtype=bool)
    while True:
        critical = np.quantile(largest[kept].max(axis=0), 1 - level, method="higher")
        worse = kept & (below > critical)
        if not worse.any():
            return kept
        kept &= ~worse


def _variances(draws: Float64) -> Float64:
    """`(C, C)`: the variance over resamples of the difference of each pair of cells in one repeat, on average."""
    centred = draws - draws.mean(axis=2, keepdims=True)
    covariance = np.einsum("irb,jrb->ij", centred, centred, optimize=True)
    covariance /= (draws.shape[2] - 1) * draws.shape[1]
    own = np.diagonal(covariance)
    return np.asarray(np.maximum(own[:, None] + own - 2 * covariance, 0))
