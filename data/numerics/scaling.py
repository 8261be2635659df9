"""The scale of features that are brought to standard deviation 1."""

from __future__ import annotations

from typing import Any

import numpy as np

from data.base import Float64


def inverse_deviation(mean: Any, deviation: Float64) -> Float64:
    """One divided by the standard deviation of each feature, and 0 for a constant feature, which thus becomes 0.

    A feature counts as constant where its deviation may be nothing but rounding of its mean.

    Args:
        mean: `(F,)` float32 or float64.
        deviation: `(F,)`.
    """
    constant = deviation <= 1e-7 * np.maximum(np.abs(mean), 1e-30)
    return np.where(constant, 0.0, 1.0 / np.where(constant, 1.0, deviation))
