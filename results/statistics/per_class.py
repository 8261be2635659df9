"""Sensitivity, specificity, predictive values and F1 of each class, and thresholds chosen on other rows.

Rates take `(..., K, K)` float64 counts, rows true and columns predicted (`confusion.count`), and give `(..., K)`: each
class against the rest. A rate of nothing (0 / 0) is NaN; F1 is then 0, as in macro F1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from results.statistics import confusion

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]
Bool = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class ClassRates:
    """The rates of K classes.

    Args:
        n: `(K,)` rows of the class.
        sensitivity: `(K,)`.
        specificity: `(K,)`.
        ppv: `(K,)` positive predictive value.
        npv: `(K,)` negative predictive value.
        f1: `(K,)`.
    """

    n: Float64
    sensitivity: Float64
    specificity: Float64
    ppv: Float64
    npv: Float64
    f1: Float64


def class_rates(y: Int64, P: Float64, *, threshold: float | None = None) -> ClassRates:
    """The rates of every class.

    Args:
        y: `(n,)` class indices.
        P: `(n, K)` probabilities.
        threshold: Class 1 of two is predicted where its probability is at least this; else the most probable class is.

    Raises:
        ValueError: A threshold for other than two classes.
    """
    if threshold is not None and P.shape[1] != 2:
        raise ValueError(f"a threshold ({threshold}) needs two classes, not {P.shape[1]}")
    predicted = P.argmax(axis=1) if threshold is None else (P[:, 1] >= threshold).astype(np.int64)
    counts = confusion.count(y, predicted, P.shape[1])
    return ClassRates(
        n=counts.sum(-1),
        sensitivity=sensitivity(counts),
        specificity=specificity(counts),
        ppv=ppv(counts),
        npv=npv(counts),
        f1=f1(counts),
    )


def rates_at_chosen_threshold(
    chosen_y: Int64, chosen_P: Float64, y: Int64, P: Float64, *, wanted_sensitivity: float | None = None
) -> tuple[float, ClassRates]:
    """A threshold chosen on some rows, and the rates of both classes that it gives on others.

    Args:
        chosen_y: `(m,)` class indices of the rows to choose on: inner or training rows, never those of the test.
        chosen_P: `(m, 2)` their probabilities, of a model that was not fitted on them.
        y: `(n,)` class indices of the rows that the rates are of.
        P: `(n, 2)` their probabilities.
        wanted_sensitivity: Chosen for this sensitivity; for Youden's index if None.

    Raises:
        ValueError: Not two classes, or one is absent from the rows to choose on.
    """
    if wanted_sensitivity is None:
        threshold = youden_threshold(chosen_y == 1, chosen_P[:, 1])
    else:
        threshold = sensitivity_threshold(chosen_y == 1, chosen_P[:, 1], wanted_sensitivity)
    return threshold, class_rates(y, P, threshold=threshold)


def youden_threshold(event: Bool, p: Float64) -> float:
    """The p at and above which calling an event gives the largest sensitivity + specificity - 1; of ties the highest.

    Args:
        event: `(n,)` bool.
        p: `(n,)` score of the event.

    Raises:
        ValueError: No event, or nothing else.

    References:
        W. J. Youden, Index for rating diagnostic tests, 1950,
        doi:10.1002/1097-0142(1950)3:1<32::AID-CNCR2820030106>3.0.CO;2-3.
    """
    thresholds, called, false = _called(event, p)
    # Whole numbers, so that ties are ties.
    index = called * int((~event).sum()) - false * int(event.sum())
    return float(thresholds[index.argmax()])


def sensitivity_threshold(event: Bool, p: Float64, wanted: float) -> float:
    """The highest p at and above which calling an event reaches a sensitivity.

    Args:
        event: `(n,)` bool.
        p: `(n,)` score of the event.
        wanted: Above 0, at most 1.

    Raises:
        ValueError: No event, or nothing else; a sensitivity out of range.
    """
    if not 0 < wanted <= 1:
        raise ValueError(f"sensitivity ({wanted}) must be above 0 and at most 1")
    thresholds, called, _ = _called(event, p)
    reached = called / event.sum() >= wanted - 1e-12
    return float(thresholds[reached.argmax()])


def sensitivity(counts: Float64) -> Float64:
    """The share of a class that is predicted as it."""
    return _divide(_right(counts), counts.sum(-1))


def specificity(counts: Float64) -> Float64:
    """The share of the rest that is not predicted as the class."""
    return _divide(_rightly_not(counts), counts.sum((-2, -1))[..., None] - counts.sum(-1))


def ppv(counts: Float64) -> Float64:
    """Of what is predicted as the class, the share that is."""
    return _divide(_right(counts), counts.sum(-2))


def npv(counts: Float64) -> Float64:
    """Of what is not predicted as the class, the share that is not."""
    return _divide(_rightly_not(counts), counts.sum((-2, -1))[..., None] - counts.sum(-2))


def f1(counts: Float64) -> Float64:
    """The harmonic mean of sensitivity and PPV; 0 for a class that neither occurs nor is predicted."""
    return np.nan_to_num(_divide(2 * _right(counts), counts.sum(-1) + counts.sum(-2)))


def _called(event: Bool, p: Float64) -> tuple[Float64, Int64, Int64]:
    """Every distinct p from high to low, and the events and others that lie at or above it."""
    if event.all() or not event.any():
        raise ValueError(f"a threshold needs rows with and without the event, not {int(event.sum())} of {len(event)}")
    thresholds, place = np.unique(-p, return_inverse=True)
    true, false = (np.cumsum(np.bincount(place[rows], minlength=len(thresholds))) for rows in (event, ~event))
    return -thresholds, true.astype(np.int64), false.astype(np.int64)


def _right(counts: Float64) -> Float64:
    return np.diagonal(counts, axis1=-2, axis2=-1)


def _rightly_not(counts: Float64) -> Float64:
    return np.asarray(counts.sum((-2, -1))[..., None] - counts.sum(-1) - counts.sum(-2) + _right(counts))


def _divide(part: Float64, whole: Float64) -> Float64:
    return np.divide(part, whole, out=np.full_like(whole, np.nan), where=whole > 0)
