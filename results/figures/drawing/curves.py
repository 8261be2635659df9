"""ROC and precision-recall curves that compare samples of one fold only, with bands over patients.

The curve of each fold is evaluated at fixed places, and averaged over folds (weighted by their number of pairs), then
over repeats and classes. AUC and average precision are averaged in the same way, so they are the area under the curve.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from results.statistics.bootstrap import PredictedRows

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]
Bool = NDArray[np.bool_]
Kind = Literal["roc", "precision_recall"]

PLACES = 201
CHUNK = 2_000_000


@dataclass(frozen=True, eq=False)
class Curve:
    """A mean curve.

    Args:
        x: `(201,)` false-positive rate or recall, 0 to 1.
        y: `(201,)` true-positive rate or precision.
        low: `(201,)` lower end of the pointwise 95 % band, NaN without draws.
        high: `(201,)` upper end.
    """

    x: Float64
    y: Float64
    low: Float64
    high: Float64


def mean_curve(kind: Kind, rows: PredictedRows, P: Float64, classes: list[int], counts: Float64) -> Curve:
    """The curve of one class against the rest, or the mean over classes; a class without a pair is left out.

    Args:
        kind: `roc` or `precision_recall`.
        rows: The rows of the predictions.
        P: `(n, K)` probabilities.
        classes: The positive classes, each against the rest.
        counts: `(B, P)`: the number of times that each patient is drawn; B may be 0.

    References:
        T. Fawcett, An introduction to ROC analysis, 2006, doi:10.1016/j.patrec.2005.10.010 (vertical averaging).
    """
    x = np.linspace(0, 1, PLACES)
    weights = np.concatenate([np.ones((1, counts.shape[1])), counts])
    each = [_of_class(kind, rows, rows.y == k, P[:, k], weights, x) for k in classes]
    defined = [curve for curve in each if np.isfinite(curve[0]).all()]
    total = np.mean(defined, axis=0) if defined else np.full((len(weights), PLACES), np.nan)
    low, high = np.full((2, PLACES), np.nan)
    if len(counts) and defined:
        low, high = np.nanquantile(total[1:], [0.025, 0.975], axis=0)
    return Curve(x, total[0], low, high)


def roc_points(positive: Bool, score: Float64, weight: Float64, x: Float64) -> Float64:
    """`(B, X)`: the true-positive rate at false-positive rates x `(X,)`, rows counted `weight` `(B, n)` times."""
    tp, fp = _cumulative(positive, score, weight)
    tp, fp = _share(tp), _share(fp)
    start = np.zeros((len(weight), 1))
    fp, tp = np.concatenate([start, fp], axis=1), np.concatenate([start, tp], axis=1)
    shift = 2.0 * np.arange(len(weight))[:, None]
    return np.asarray(np.interp((x + shift).ravel(), (fp + shift).ravel(), tp.ravel()).reshape(len(weight), -1))


def precision_points(positive: Bool, score: Float64, weight: Float64, x: Float64) -> Float64:
    """`(B, X)`: the precision of the highest threshold whose recall reaches x `(X,)`."""
    tp, fp = _cumulative(positive, score, weight)
    precision = np.divide(tp, tp + fp, out=np.zeros_like(tp), where=tp + fp > 0)
    recall = _share(tp)
    recall[:, -1] = 1.0
    shift = 2.0 * np.arange(len(weight))[:, None]
    wanted = (np.maximum(x, 1e-6) - 1e-9 + shift).ravel()
    return np.asarray(precision.ravel()[np.searchsorted((recall + shift).ravel(), wanted)].reshape(len(weight), -1))


def _of_class(kind: Kind, rows: PredictedRows, positive: Bool, score: Float64, weights: Float64, x: Float64) -> Float64:
    """`(B, X)`: the mean over repeats of the mean over folds, weighted by pairs."""
    points = roc_points if kind == "roc" else precision_points
    drawn = np.zeros((rows.n_repeats, len(weights), len(x)))
    pairs = np.zeros((rows.n_repeats, len(weights), 1))
    for repeat, block in rows.blocks:
        if positive[block].all() or not positive[block].any():
            continue
        step = max(1, CHUNK // max(len(block), len(x)))
        for start in range(0, len(weights), step):
            part = slice(start, start + step)
            weight = weights[part][:, rows.patient[block]]
            of_fold = (weight @ positive[block] * (weight @ ~positive[block]))[:, None]
            drawn[repeat, part] += of_fold * points(positive[block], score[block], weight, x)
            pairs[repeat, part] += of_fold
    return np.asarray(np.divide(drawn, pairs, out=np.full_like(drawn, np.nan), where=pairs > 0).mean(axis=0))


def _cumulative(positive: Bool, score: Float64, weight: Float64) -> tuple[Float64, Float64]:
    """`(B, t)` each: positives and negatives at or above every threshold; equal scores share a threshold."""
    order = np.argsort(-score, kind="stable")
    last = np.flatnonzero(np.append(np.diff(score[order]) != 0, True))
    ordered = weight[:, order]
    tp = np.cumsum(np.where(positive[order], ordered, 0), axis=1)[:, last]
    fp = np.cumsum(np.where(positive[order], 0, ordered), axis=1)[:, last]
    return tp, fp


def _share(counted: Float64) -> Float64:
    """The share of the last column; 0 where that is 0."""
    total = counted[:, -1:]
    return np.divide(counted, total, out=np.zeros_like(counted), where=total > 0)
