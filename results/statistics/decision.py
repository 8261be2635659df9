"""Decision curves: the net benefit of treating those whose probability reaches a threshold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]
Bool = NDArray[np.bool_]

THRESHOLDS: Float64 = np.arange(1, 100) / 100


@dataclass(frozen=True, eq=False)
class DecisionCurve:
    """Net benefit in true positives per row; it is 0 everywhere for treating none.

    Args:
        thresholds: `(t,)` probabilities at or above which one treats.
        model: `(t,)` net benefit of treating where p reaches the threshold.
        treat_all: `(t,)` net benefit of treating everyone.
        treat_none: `(t,)` zeros.
    """

    thresholds: Float64
    model: Float64
    treat_all: Float64
    treat_none: Float64


def decision_curve(event: Bool, p: Float64, thresholds: Float64 = THRESHOLDS) -> DecisionCurve:
    """Net benefit of a model, of treating all and of treating none.

    At a threshold t, net benefit = TP / n - FP / n x t / (1 - t); rows with p >= t are treated.

    Args:
        event: `(n,)` bool.
        p: `(n,)` probability of the event.
        thresholds: `(t,)`, from 0 to below 1.

    Raises:
        ValueError: A threshold outside [0, 1).

    References:
        A. J. Vickers and E. B. Elkin, Decision curve analysis, 2006, doi:10.1177/0272989X06295361.
    """
    outside = thresholds[~((thresholds >= 0) & (thresholds < 1))]
    if len(outside):
        raise ValueError(f"threshold {outside[0]} must be at least 0 and below 1")
    n, odds = len(p), thresholds / (1 - thresholds)
    true, false = (_at_or_above(p[rows], thresholds) / n for rows in (event, ~event))
    rate = float(event.mean())
    return DecisionCurve(thresholds, true - false * odds, rate - (1 - rate) * odds, np.zeros(len(thresholds)))


def _at_or_above(p: Float64, thresholds: Float64) -> Float64:
    """`(t,)`: how many p reach each threshold."""
    return np.asarray(len(p) - np.searchsorted(np.sort(p), thresholds, side="left"), dtype=np.float64)
