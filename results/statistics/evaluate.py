"""The primary value of a metric on predictions, and its spread over folds and repeats."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from results.statistics.metrics.base import AnyMetric, OfPairs

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]


@dataclass(frozen=True)
class Estimate:
    """A metric of one cell, with its spread.

    Args:
        value: The primary value: the mean over repeats, each of which pools its folds.
        fold_mean: The mean over those folds, of all repeats, that hold every class.
        fold_sd: Standard deviation (n - 1) over these folds.
        folds_left_out: The number of folds that lack a class (within places: that lack a pair to compare).
        repeat_sd: Standard deviation (n - 1) over repeats.
    """

    value: float
    fold_mean: float
    fold_sd: float
    folds_left_out: int
    repeat_sd: float


def evaluate(
    metric: AnyMetric,
    y: Int64,
    P: Float64,
    *,
    repeat: Int64,
    fold: Int64,
    within: Int64 | None = None,
) -> Estimate:
    """The primary value of a metric and its spread over folds and repeats.

    Pairs are compared within a fold, and folds are pooled by their number of pairs. Every other metric pools the rows
    of a repeat.

    Args:
        metric: One of `METRICS`.
        y: `(n,)` class indices.
        P: `(n, K)` probabilities.
        repeat: `(n,)` int64.
        fold: `(n,)` int64, counted anew in every repeat.
        within: `(n,)` place of each row in the body, counted from 0, for a metric within places.
    """
    places = _places(metric, y, within)
    values = []
    for r in np.unique(repeat):
        values.append(_of_rows(metric, y, P, np.flatnonzero(repeat == r), fold * (places.max() + 1) + places))
    folds = fold_values(metric, y, P, repeat=repeat, fold=fold, within=within)
    kept = folds[~np.isnan(folds)]
    return Estimate(
        value=float(np.mean(values)),
        fold_mean=float(kept.mean()) if len(kept) else float("nan"),
        fold_sd=_sd(kept),
        folds_left_out=len(folds) - len(kept),
        repeat_sd=_sd(np.array(values)),
    )


def fold_values(
    metric: AnyMetric,
    y: Int64,
    P: Float64,
    *,
    repeat: Int64,
    fold: Int64,
    within: Int64 | None = None,
) -> Float64:
    """`(J,)`: a metric in every fold of every repeat, in their order; NaN for a fold that lacks a class.

    Args:
        metric: As in `evaluate`.
        y: `(n,)` class indices.
        P: `(n, K)` probabilities.
        repeat: `(n,)` int64.
        fold: `(n,)` int64, counted anew in every repeat.
        within: `(n,)` place of each row in the body, counted from 0, for a metric within places.
    """
    places, n_classes, values = _places(metric, y, within), len(np.unique(y)), []
    for r in np.unique(repeat):
        for f in np.unique(fold[repeat == r]):
            rows = np.flatnonzero((repeat == r) & (fold == f))
            if len(np.unique(y[rows])) < n_classes:
                values.append(float("nan"))
            else:
                values.append(_of_rows(metric, y, P, rows, places))
    return np.array(values, dtype=np.float64)


def _of_rows(metric: AnyMetric, y: Int64, P: Float64, rows: Int64, groups: Int64) -> float:
    """A metric on some rows; a metric of pairs compares them within the groups `(n,)`."""
    return metric(y[rows], P[rows], groups[rows]) if isinstance(metric, OfPairs) else metric(y[rows], P[rows])


def _places(metric: AnyMetric, y: Int64, within: Int64 | None) -> Int64:
    return within if within is not None and isinstance(metric, OfPairs) and metric.within else np.zeros_like(y)


def _sd(values: Float64) -> float:
    return float(values.std(ddof=1)) if len(values) > 1 else float("nan")
