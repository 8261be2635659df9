"""Temperature scaling of a network's own logits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data.base import Float32

LARGEST = 20.0


def temperature(logits: Float32, y: NDArray[np.int64]) -> float:
    """The T with the lowest cross-entropy of `softmax(logits / T)`, each row counted once.

    T stays between 1 / 20 and 20: few rows that are all told rightly would ask for none.

    Args:
        logits: `(n, K)` of rows that the network was not trained on.
        y: `(n,)` their classes.

    References:
        C. Guo et al., On calibration of modern neural networks, ICML 2017, arXiv:1706.04599.
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import logsumexp

    scores = logits.astype(np.float64)
    own = scores[np.arange(len(y)), y]

    def loss(log_temperature: float) -> float:
        sharpness = np.exp(-log_temperature)
        return float(np.mean(logsumexp(sharpness * scores, axis=1) - sharpness * own))

    bounds = (-np.log(LARGEST), np.log(LARGEST))
    return float(np.exp(minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-8}).x))
