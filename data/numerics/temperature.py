"""Temperature scaling: logits multiplied by the one number that gives the lowest cross-entropy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from data.base import Float64, Int64


def best_sharpness(logits: Float64, y: Int64, *, bounds: tuple[float, float] = (-10, 10)) -> float:
    """The sharpness with the lowest cross-entropy of `softmax(sharpness * logits)`; each row counts once.

    Args:
        logits: `(n, K)` of rows that the fit behind the logits has not seen.
        y: `(n,)` their classes.
        bounds: Bounds of the natural logarithm of the sharpness.

    References:
        C. Guo et al., On calibration of modern neural networks, ICML 2017, arXiv:1706.04599.
    """
    loss = _cross_entropy(logits, y)
    return _best_exponential(lambda log: loss(np.exp(log)), bounds)


def best_temperature(logits: Float64, y: Int64, *, largest: float) -> float:
    """The temperature, 1 / sharpness, with the lowest cross-entropy: as `best_sharpness`, searched on its own scale.

    Args:
        logits: As in `best_sharpness`.
        y: As in `best_sharpness`.
        largest: The temperature stays between `1 / largest` and `largest`.
    """
    loss = _cross_entropy(logits, y)
    return _best_exponential(lambda log: loss(np.exp(-log)), (-np.log(largest), np.log(largest)))


def _cross_entropy(logits: Float64, y: Int64) -> Callable[[float], float]:
    from scipy.special import logsumexp

    own = logits[np.arange(len(y)), y]
    return lambda sharpness: float(np.mean(logsumexp(sharpness * logits, axis=1) - sharpness * own))


def _best_exponential(loss: Callable[[float], float], bounds: tuple[float, float]) -> float:
    from scipy.optimize import minimize_scalar

    return float(np.exp(minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-8}).x))
