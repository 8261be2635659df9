"""Scores to probabilities: Platt's sigmoid and temperature scaling, learnt on held-out scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from data.base import Float64, Int64
from data.numerics.temperature import best_sharpness

Calibration = Literal["none", "sigmoid", "temperature"]


class Calibrator(Protocol):
    """A fitted calibration."""

    def __call__(self, scores: Float64) -> Float64:
        """Turns scores `(m, k)` into probabilities `(m, k)` whose rows sum to 1."""
        ...


@dataclass(frozen=True, eq=False)
class Sigmoid:
    """p = 1 / (1 + exp(-(slope s + intercept))) for each class against the rest, then normalised."""

    slope: Float64
    intercept: Float64

    def __call__(self, scores: Float64) -> Float64:
        """See `Calibrator`."""
        from scipy.special import expit

        if len(self.slope) == 1:
            p = expit(self.slope * scores[:, 1] + self.intercept)
            return np.column_stack([1 - p, p])
        p = np.maximum(expit(self.slope * scores + self.intercept), np.finfo(np.float64).tiny)
        return np.asarray(p / p.sum(axis=1, keepdims=True))


@dataclass(frozen=True, eq=False)
class Temperature:
    """p ~ sigmoid(s) ** sharpness, which for log-odds of probabilities p is softmax(sharpness log p)."""

    sharpness: float

    def __call__(self, scores: Float64) -> Float64:
        """See `Calibrator`."""
        from scipy.special import log_expit, softmax

        return np.asarray(softmax(self.sharpness * log_expit(scores), axis=1))


def calibrate(method: Calibration, scores: Float64, labels: Int64) -> Calibrator:
    """Learns a calibration from held-out scores.

    Args:
        method: `"sigmoid"` or `"temperature"`.
        scores: `(n, k)` one-vs-rest log-odds or decision values of rows that the fit behind them has not seen.
        labels: `(n,)` in `range(k)`.

    References:
        J. Platt, Probabilistic outputs for support vector machines, 1999 (with its prior-corrected targets).
        B. Zadrozny, C. Elkan, Transforming classifier scores into accurate multiclass probability estimates, KDD 2002,
        doi:10.1145/775047.775151.
        C. Guo et al., On calibration of modern neural networks, ICML 2017, arXiv:1706.04599.
    """
    if method == "temperature":
        from scipy.special import log_expit

        return Temperature(best_sharpness(log_expit(scores), labels))
    columns = [1] if scores.shape[1] == 2 else range(scores.shape[1])
    fits = np.array([_platt(scores[:, c], labels == c) for c in columns])
    return Sigmoid(fits[:, 0], fits[:, 1])


def _platt(scores: Float64, positive: NDArray[np.bool_]) -> tuple[float, float]:
    from scipy.optimize import minimize
    from scipy.special import expit

    events, others = positive.sum(), (~positive).sum()
    target = np.where(positive, (events + 1) / (events + 2), 1 / (others + 2))
    scale = np.abs(scores).max() or 1.0
    s = scores / scale

    def loss(ab: Float64) -> tuple[float, Float64]:
        z = ab[0] * s + ab[1]
        error = expit(z) - target
        return float(np.sum(np.logaddexp(0, z) - target * z)), np.array([error @ s, error.sum()])

    # A negative slope would turn the head's ranking round where there is little to learn.
    start = np.array([0.0, np.log((events + 1) / (others + 1))])
    bounds = [(0.0, None), (None, None)]
    found = minimize(
        loss,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options={"gtol": 1e-7, "ftol": 64 * np.finfo(float).eps},
    )
    return float(found.x[0] / scale), float(found.x[1])
