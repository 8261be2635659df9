"""The corrected resampled t test: a comparison over folds that share training samples."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit


@dataclass(frozen=True)
class ResampledT:
    """Two cells compared over folds.

    Args:
        t: Mean difference over its corrected standard error.
        p_value: Two-sided, by Student's t with J - 1 degrees of freedom; 1 if all differences are 0, NaN if they are
            equal but not 0, or if one is NaN.
    """

    t: float
    p_value: float


def corrected_resampled_t(differences: NDArray[np.float64], test_train_ratio: float) -> ResampledT:
    """Whether the mean difference over all folds of all repeats is 0.

    Since folds share training samples, the factor 1 / J in the variance of a mean becomes 1 / J + test / train. This is
    a heuristic: there is no unbiased estimate of the variance over folds.

    Args:
        differences: `(J,)`, one for each fold of each repeat.
        test_train_ratio: Test samples over training samples of a fold; 1 / (k - 1) for k folds.

    Raises:
        ValueError: There are fewer than two differences, or the ratio is not above 0.

    References:
        C. Nadeau and Y. Bengio, Inference for the generalization error, 2003, doi:10.1023/A:1024068626366.
    """
    J = len(differences)
    if J < 2:
        raise ValueError(f"differences ({J}) must be of at least 2 folds")
    if not test_train_ratio > 0:
        raise ValueError(f"test_train_ratio ({test_train_ratio:g}) must be above 0")
    mean, variance = float(differences.mean()), float(differences.var(ddof=1))
    # Equal differences leave a rounding error as their variance.
    if math.isnan(mean) or np.ptp(differences) == 0:
        return ResampledT(0.0, 1.0) if mean == 0 else ResampledT(math.nan, math.nan)
    t = mean / math.sqrt((1 / J + test_train_ratio) * variance)
    return ResampledT(t, float(2 * stdtr(J - 1, -abs(t))))


def resampled_interval(
    differences: NDArray[np.float64], test_train_ratio: float, *, level: float = 0.95
) -> tuple[float, float]:
    """The interval of the mean difference that belongs to `corrected_resampled_t`.

    It holds the values that the test does not reject at 1 - `level`. Arguments are as in `corrected_resampled_t`.
    """
    J = len(differences)
    if J < 2:
        raise ValueError(f"differences ({J}) must be of at least 2 folds")
    error = math.sqrt((1 / J + test_train_ratio) * float(differences.var(ddof=1)))
    reach = float(stdtrit(J - 1, (1 + level) / 2)) * error
    mean = float(differences.mean())
    return mean - reach, mean + reach
