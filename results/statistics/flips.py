"""Sensitivity to label noise: a metric on test labels if some are wrong."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from results.statistics.metrics.base import AnyMetric, OfCounts, OfPairs, score_of
from results.statistics.ranking import wins_of_labels

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]
Bool = NDArray[np.bool_]


def flipped_labels(
    y: Int64, n_classes: int, *, rate: float = 0.05, times: int = 200, seed: int = 0, ordinal: bool = False
) -> Int64:
    """`(times, n)`: the labels of n samples, with another random choice of them flipped each time (`flip`).

    Args:
        y: `(n,)` class indices.
        n_classes: K, at least 2.
        rate: The share of samples that get another label, 0 to 1.
        times: The number of times that labels are flipped.
        seed: The seed of the flips.
        ordinal: Whether a label moves to a neighbouring class only.

    Raises:
        ValueError: A rate outside 0 to 1, or one class only.
    """
    random = np.random.default_rng(seed)
    return np.stack([flip(y, n_classes, rate=rate, random=random, ordinal=ordinal) for _ in range(times)])


def scores_of_labels(
    metric: AnyMetric,
    labels: Int64,
    P: Float64,
    *,
    repeat: Int64,
    fold: Int64,
    within: Int64 | None = None,
) -> Float64:
    """`(times,)`: the primary value of a metric on each row of labels; NaN where it is undefined.

    The models stay as they were fitted: the noise is in the labels of the test, not in those that models learnt from.

    Args:
        metric: One of `results.statistics.metrics.METRICS`.
        labels: `(times, n)` class indices; rows of one sample have one label.
        P: `(n, K)` probabilities.
        repeat: `(n,)`.
        fold: `(n,)`, counted anew in every repeat.
        within: `(n,)` place of each row in the body, for a metric within places.
    """
    K, values = P.shape[1], []
    for r in np.unique(repeat):
        rows = np.flatnonzero(repeat == r)
        if isinstance(metric, OfPairs):
            groups = fold[rows]
            if metric.within and within is not None:
                groups = groups * (within.max() + 1) + within[rows]
            values.append(_of_pairs(metric, labels[:, rows], P[rows], groups))
        elif isinstance(metric, OfCounts):
            cell = labels[:, rows] * K + P[rows].argmax(axis=1) + np.arange(len(labels))[:, None] * K * K
            counts = np.bincount(cell.ravel(), minlength=len(labels) * K * K).astype(np.float64)
            values.append(metric.formula(counts.reshape(-1, K, K)))
        else:
            every = np.stack([metric.loss(np.full(len(rows), k), P[rows]) for k in range(K)])
            values.append(every[labels[:, rows], np.arange(len(rows))].mean(axis=1))
    return np.asarray(np.mean(values, axis=0))


def _of_pairs(metric: OfPairs, labels: Int64, P: Float64, groups: Int64) -> Float64:
    """`(times,)`: wins over pairs of all groups, as a mean over the tasks that have a pair."""
    of_tasks = []
    for classes in metric.tasks(P.shape[1]):
        score, wins, pairs = score_of(classes, P), np.zeros(len(labels)), np.zeros(len(labels))
        for g in np.unique(groups):
            rows = groups == g
            found, of_group = wins_of_labels(classes[labels[:, rows]], score[rows], precision=metric.precision)
            wins, pairs = wins + found, pairs + of_group
        of_tasks.append(np.divide(wins, pairs, out=np.full_like(wins, np.nan), where=pairs > 0))
    defined = np.isfinite(of_tasks)
    total, number = np.where(defined, of_tasks, 0).sum(axis=0), defined.sum(axis=0)
    return np.asarray(np.divide(total, number, out=np.full(len(labels), np.nan), where=number > 0))


def flip(y: Int64, n_classes: int, *, rate: float, random: np.random.Generator, ordinal: bool = False) -> Int64:
    """`(n,)`: the labels; `round(rate x n)` of them, drawn at random, are changed to another class.

    Args:
        y: `(n,)` class indices.
        n_classes: K, at least 2.
        rate: The share to flip, 0 to 1.
        random: Draws the samples and their new classes.
        ordinal: Whether a label moves to a neighbouring class, each of two with the same chance, or to any other.

    Raises:
        ValueError: A rate outside 0 to 1, or one class only.
    """
    if not 0 <= rate <= 1 or n_classes < 2:
        raise ValueError(f"rate ({rate}) must lie in 0 to 1, and classes ({n_classes}) must be at least 2")
    chosen = random.choice(len(y), size=round(rate * len(y)), replace=False)
    new, old = y.copy(), y[chosen]
    if ordinal:
        up = random.random(len(chosen)) < 0.5
        new[chosen] = old + np.where((up & (old < n_classes - 1)) | (old == 0), 1, -1)
    else:
        new[chosen] = (old + random.integers(1, n_classes, len(chosen))) % n_classes
    return new
