"""Whether events are as frequent as their probabilities: calibration slope, intercept, error and reliability curve."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]
Bool = NDArray[np.bool_]

STEPS = 100
TOLERANCE = 1e-10


@dataclass(frozen=True)
class CalibrationLine:
    """The logistic regression of the outcome on the logit of its probability.

    Args:
        intercept: 0 if perfect.
        slope: 1 if perfect; below 1 where probabilities are too extreme.
    """

    intercept: float
    slope: float


@dataclass(frozen=True, eq=False)
class Reliability:
    """The points of a reliability curve, by ascending probability; bins without a row are left out.

    Args:
        predicted: `(b,)` mean probability of each bin.
        observed: `(b,)` share of events of each bin.
        n: `(b,)` int64 rows of each bin.
    """

    predicted: Float64
    observed: Float64
    n: Int64


def line(event: Bool, p: Float64) -> CalibrationLine:
    """Calibration intercept and slope; both NaN where a threshold on p separates events, or p is constant.

    Args:
        event: `(n,)` bool.
        p: `(n,)` probability of the event; clipped at float64's epsilon.

    References:
        D. R. Cox, Two further applications of a model for binary regression, 1958, doi:10.1093/biomet/45.3-4.562.
        B. Van Calster et al., Calibration: the Achilles heel of predictive analytics, 2019,
        doi:10.1186/s12916-019-1466-7.
    """
    x = _logit(p)
    if not overlap(x[event], x[~event]):
        return CalibrationLine(float("nan"), float("nan"))
    centre, scale = x.mean(), x.std()
    design = np.column_stack([np.ones(len(x)), (x - centre) / scale])
    intercept, slope = _fit(design, event, np.zeros(len(x)))
    return CalibrationLine(float(intercept - slope * centre / scale), float(slope / scale))


def intercept_in_the_large(event: Bool, p: Float64) -> float:
    """The intercept with the slope held at 1: above 0 where p is too low on the whole; NaN without both outcomes.

    Args:
        event: `(n,)` bool.
        p: `(n,)` probability of the event; clipped at float64's epsilon.

    References:
        B. Van Calster et al., Calibration: the Achilles heel of predictive analytics, 2019,
        doi:10.1186/s12916-019-1466-7.
    """
    if event.all() or not event.any():
        return float("nan")
    return float(_fit(np.ones((len(p), 1)), event, _logit(p))[0])


def reliability(event: Bool, p: Float64, *, bins: int = 10) -> Reliability:
    """The reliability curve over bins of equal mass.

    Row i of n in ascending order falls in bin floor(bins i / n). Rows of equal p share the bin of the first of them, so
    the order of rows does not matter and there may be fewer bins.

    Args:
        event: `(n,)` bool.
        p: `(n,)` probability of the event.
        bins: The number of bins.
    """
    place = bin_of(p, bins=bins)
    n = np.bincount(place, minlength=bins)
    held = n > 0
    sums = (np.bincount(place, weights=values, minlength=bins)[held] for values in (p, event.astype(np.float64)))
    predicted, observed = (total / n[held] for total in sums)
    return Reliability(predicted, observed, n[held].astype(np.int64))


def bin_of(p: Float64, *, bins: int = 10) -> Int64:
    """`(n,)`: the bin of equal mass of each row, counted from 0, as `reliability` has them."""
    return np.asarray(np.searchsorted(np.sort(p), p, side="left") * bins // len(p))


def expected_error(event: Bool, p: Float64, *, bins: int = 10) -> float:
    """Expected calibration error: the mean distance of observed from predicted over bins, weighted by their rows.

    Args:
        event: `(n,)` bool.
        p: `(n,)` probability of the event.
        bins: The number of bins of equal mass.

    References:
        M. P. Naeini et al., Obtaining well calibrated probabilities using Bayesian binning, 2015,
        doi:10.1609/aaai.v29i1.9602 (bins of equal width).
        J. Nixon et al., Measuring calibration in deep learning, 2019, arXiv:1904.01685 (of equal mass).
    """
    curve = reliability(event, p, bins=bins)
    return float(np.average(np.abs(curve.observed - curve.predicted), weights=curve.n))


def error_of_most_probable(y: Int64, P: Float64, *, bins: int = 10) -> float:
    """The expected calibration error of the most probable class.

    Args:
        y: `(n,)` class indices.
        P: `(n, K)` probabilities.
        bins: The number of bins of equal mass.

    References:
        C. Guo et al., On calibration of modern neural networks, 2017, arXiv:1706.04599.
    """
    return expected_error(P.argmax(axis=1) == y, P.max(axis=1), bins=bins)


def _logit(p: Float64) -> Float64:
    epsilon = np.finfo(np.float64).eps
    p = np.clip(p, epsilon, 1 - epsilon)
    return np.asarray(np.log(p) - np.log1p(-p))


def overlap(events: Float64, others: Float64) -> bool:
    """Whether the regression has a finite solution (A. Albert and J. A. Anderson, 1984, doi:10.1093/biomet/71.1.1)."""
    if len(events) == 0 or len(others) == 0:
        return False
    return bool(events.min() < others.max() and others.min() < events.max())


def _fit(design: Float64, event: Bool, offset: Float64) -> Float64:
    """`(d,)`: coefficients of a logistic regression by Newton's method; a step that overshoots is halved."""
    coefficients = np.zeros(design.shape[1])
    loss = _loss(offset, event)
    for _ in range(STEPS):
        p = expit(offset + design @ coefficients)
        gradient = design.T @ (event - p)
        step = np.linalg.lstsq(design.T * (p * (1 - p)) @ design, gradient, rcond=None)[0]
        while (new := _loss(offset + design @ (coefficients + step), event)) > loss and np.abs(step).max() > TOLERANCE:
            step = step / 2
        coefficients, loss = coefficients + step, new
        if np.abs(step).max() <= TOLERANCE:
            break
    return coefficients


def _loss(score: Float64, event: Bool) -> float:
    return float(np.logaddexp(0, np.where(event, -score, score)).sum())
