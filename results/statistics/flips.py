"""Sensitivity to label noise: a metric on test labels of which some are wrong."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from results.metrics import OfCounts, OfPairs, OfRows, evaluate

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]


def flipped_scores(
    metric: OfCounts | OfRows | OfPairs,
    y: Int64,
    P: Float64,
    *,
    sample: Int64,
    repeat: Int64,
    fold: Int64,
    rate: float = 0.05,
    times: int = 200,
    seed: int = 0,
    ordinal: bool = False,
    within: Int64 | None = None,
) -> Float64:
    """`(times,)`: the primary value of a metric, each time with other labels flipped; NaN where it is undefined.

    A sample has one label in all repeats. The models stay as they were fitted: this is noise in the labels that they
    are tested on, not in those that they learnt from.

    Args:
        metric: One of `results.metrics.METRICS`.
        y: `(n,)` class indices.
        P: `(n, K)` probabilities.
        sample: `(n,)` the number of the sample of each row; rows of one sample have one y.
        repeat: `(n,)`.
        fold: `(n,)`, counted anew in every repeat.
        rate: The share of samples that get another label, 0 to 1.
        times: How often labels are flipped.
        seed: Of the flips.
        ordinal: Whether a label moves to a neighbouring class only.
        within: `(n,)` level of each row, for a metric within levels.

    Raises:
        ValueError: A rate outside 0 to 1, or one class only.
    """
    random = np.random.default_rng(seed)
    _, first, place = np.unique(sample, return_index=True, return_inverse=True)
    values = []
    for _ in range(times):
        noisy = flip(y[first], P.shape[1], rate=rate, random=random, ordinal=ordinal)[place]
        values.append(evaluate(metric, noisy, P, repeat=repeat, fold=fold, within=within).value)
    return np.array(values, dtype=np.float64)


def flip(y: Int64, n_classes: int, *, rate: float, random: np.random.Generator, ordinal: bool = False) -> Int64:
    """`(n,)`: labels of which `round(rate x n)`, drawn at random, are another class.

    Args:
        y: `(n,)` class indices.
        n_classes: K, at least 2.
        rate: The share to flip, 0 to 1.
        random: Draws them.
        ordinal: To a neighbouring class, each of two with the same chance; else to any other.

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
