"""Weights of the classes: the class with the largest weighted probability is called."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]

RULES = ("priors", "f1", "balanced_accuracy")
SWEEPS = 50


def prior_weights(priors: Float64) -> Float64:
    """Weights `(k,)` that undo the priors `(k,)` of the rows that probabilities were learnt from; they sum to 1."""
    weights = 1 / np.asarray(priors, dtype=np.float64)
    return np.asarray(weights / weights.sum())


def choose_weights(rule: str, y: Int64, P: Float64) -> Float64:
    """The weights `(k,)` of the classes that give the highest macro F1 or balanced accuracy on held-out rows.

    The weight of one class after the other is set to its best value, given the others, until none improves. This starts
    from equal weights and from those that undo the base rates, and the better end is taken. Of several best weights the
    nearest to the present one is taken. They sum to 1.

    Args:
        rule: `"f1"` or `"balanced_accuracy"`.
        y: `(n,)` labels in `range(k)`; each class has a row.
        P: `(n, k)` probabilities of rows that the fit has not seen.

    References:
        Z. C. Lipton, C. Elkan, B. Naryanaswamy, Optimal thresholding of classifiers to maximize F1 measure, 2014,
        arXiv:1402.1892 (why the threshold that maximises F1 is not .5).
    """
    k = P.shape[1]
    starts = [np.full(k, 1 / k), prior_weights(np.bincount(y, minlength=k) / len(y))]
    ends = [_ascend(rule, y, P, start) for start in starts]
    return max(ends, key=lambda end: end[0])[1]


def called(P: Float64, weights: Float64) -> Int64:
    """The class `(m,)` with the largest weighted probability of each row of P `(m, k)`; weights `(k,)` or `(m, k)`."""
    return np.asarray((P * weights).argmax(axis=1), dtype=np.int64)


def _ascend(rule: str, y: Int64, P: Float64, weights: Float64) -> tuple[float, Float64]:
    n = np.bincount(y, minlength=P.shape[1])
    best = float(_scores(rule, *_counts(y, called(P, weights), len(n)), n)[0])
    for _ in range(SWEEPS):
        before = best
        for c in range(P.shape[1]):
            value, weight = _best_weight(rule, y, P, weights, c)
            if value > best + 1e-12:
                best = value
                weights = weights.copy()
                weights[c] = weight
        if best <= before + 1e-12:
            break
    return best, weights / weights.sum()


def _best_weight(rule: str, y: Int64, P: Float64, weights: Float64, c: int) -> tuple[float, float]:
    """The highest score over all weights of class c, and the weight that gives it.

    A row is called c from the weight at which its weighted probability reaches that of the best other class. Between
    these weights the score is constant, so each interval is tried at its middle, on a logarithmic scale.
    """
    others = P * weights
    others[:, c] = -1.0
    rival = others.argmax(axis=1)
    with np.errstate(divide="ignore"):
        reached = others[np.arange(len(y)), rival] / P[:, c]
    order = np.argsort(reached, kind="stable")
    k = P.shape[1]
    hits, calls = _counts(y, rival, k)
    won = np.zeros((len(y) + 1, k))
    lost = np.zeros((len(y) + 1, k))
    won[1:, c] = 1
    lost[np.arange(1, len(y) + 1), rival[order]] = 1
    calls = calls + np.cumsum(won - lost, axis=0)
    right = np.zeros((len(y) + 1, k))
    right[1:, c] = y[order] == c
    right[np.arange(1, len(y) + 1), rival[order]] -= y[order] == rival[order]
    hits = hits + np.cumsum(right, axis=0)
    scores = _scores(rule, hits, calls, np.bincount(y, minlength=k))
    with np.errstate(divide="ignore"):
        at = np.log(reached[order])
    low, high = np.append(-np.inf, at), np.append(at, np.inf)
    scores = np.where(high > low, scores, -np.inf)  # equal rows change sides together, some rows never
    # Beyond the first and last finite weight any weight does the same.
    low, high = np.where(np.isinf(low), np.minimum(high, np.log(weights[c])) - 1, low), high
    high = np.where(np.isinf(high), np.maximum(low, np.log(weights[c])) + 1, high)
    middle = (low + high) / 2
    ties = np.flatnonzero(scores >= scores.max() - 1e-12)
    nearest = ties[np.abs(middle[ties] - np.log(weights[c])).argmin()]
    return float(scores[nearest]), float(np.exp(middle[nearest]))


def _counts(y: Int64, classes: Int64, k: int) -> tuple[Float64, Float64]:
    """For each class how many rows of it are called right, and how many rows are called it: `(1, k)` each."""
    hits = np.bincount(y[y == classes], minlength=k).astype(np.float64)
    return hits[None], np.bincount(classes, minlength=k).astype(np.float64)[None]


def _scores(rule: str, hits: Float64, calls: Float64, n: Int64) -> Float64:
    """Macro F1 or balanced accuracy `(m,)` from the counts of `_counts` `(m, k)` and the rows of each class `(k,)`."""
    per_class = 2 * hits / (n + calls) if rule == "f1" else hits / n
    return np.asarray(per_class.mean(axis=1))
