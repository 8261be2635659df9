"""P-values of a family of comparisons, adjusted so that a false finding anywhere in the family is improbable."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtr

Float64 = NDArray[np.float64]

RESAMPLES_A_COMPARISON = 40
CONSTANT = 1e-12


def step_down_max_t(observed: Float64, draws: Float64, n_patients: int) -> Float64:
    """`(M,)` two-sided p-values by step-down max-|t| over joint bootstrap draws.

    Each difference is divided by the standard deviation of its draws. The largest |t| is compared with the largest |t|
    of all comparisons in each resample, centred at the observed differences; the next with the largest of the
    remaining comparisons; and so on. Correlated comparisons are corrected less than by Holm. A family of one
    comparison has the p-value of the paired bootstrap.

    The standard deviation of a bootstrap over n patients is too small by sqrt((n - 1) / n), and |t| has the tails of
    Student's distribution while the draws have those of the normal distribution. Both are corrected. Uncorrected, the
    family error at 0.05 is 0.06 with 75 patients and 0.09 with 33 (docs/pages/simulations.md).

    Args:
        observed: `(M,)` differences.
        draws: `(B, M)` the same differences in B resamples, each row one resample of patients for all comparisons.
        n_patients: The number of patients that are resampled.

    Returns:
        p-values of at least 1 / (B + 1), in the order of `observed`, that fall with |t|. A comparison whose draws are
        all equal, such as those of identical cells, has p = 1.

    Raises:
        ValueError: A difference or a draw is not finite, or there are fewer than two draws or patients.

    References:
        P. H. Westfall and S. S. Young, Resampling-based multiple testing, 1993, ISBN 978-0-471-55761-6.
        J. P. Romano and M. Wolf, Exact and approximate stepdown methods for multiple hypothesis testing, 2005,
        doi:10.1198/016214504000000539.
    """
    if min(len(draws), n_patients) < 2:
        raise ValueError(f"draws ({len(draws)}) and n_patients ({n_patients}) must be at least 2")
    missing = ~(np.isfinite(observed) & np.isfinite(draws).all(axis=0))
    if missing.any():
        shown = ", ".join(map(str, np.flatnonzero(missing)))
        raise ValueError(f"comparisons at {shown} have no value, or none in some draws: leave them out of the family")
    adjusted = np.ones(len(observed))
    varying = np.flatnonzero(np.ptp(draws, axis=0) > CONSTANT)
    spread = draws[:, varying].std(axis=0, ddof=1)
    t = np.abs(observed[varying]) / spread * np.sqrt((n_patients - 1) / n_patients)
    as_normal = -ndtri(stdtr(n_patients - 1, -t))
    drawn = np.abs(draws[:, varying] - observed[varying]) / spread
    order = np.argsort(-t, kind="stable")
    largest = np.maximum.accumulate(drawn[:, order[::-1]], axis=1)[:, ::-1]
    p = (1 + (largest >= as_normal[order]).sum(axis=0)) / (len(draws) + 1)
    adjusted[varying[order]] = np.maximum.accumulate(p)
    return adjusted


def holm(p_values: Float64, resamples: int) -> Float64:
    """`(M,)` p-values adjusted by Holm's procedure.

    Args:
        p_values: `(M,)`, each from the same number of resamples.
        resamples: B. The smallest p-value is 1 / (B + 1), which Holm multiplies by M, so that few resamples can't find
            anything.

    Raises:
        ValueError: There are fewer resamples than 40 for each comparison.

    References:
        S. Holm, A simple sequentially rejective multiple test procedure, 1979, Scandinavian Journal of Statistics
        6(2), 65-70.
    """
    M = len(p_values)
    if resamples < RESAMPLES_A_COMPARISON * M:
        raise ValueError(
            f"resamples ({resamples}) must be at least {RESAMPLES_A_COMPARISON} x the {M} comparisons for Holm: "
            f"use resamples={RESAMPLES_A_COMPARISON * M} or step-down max-|t|"
        )
    order = np.argsort(p_values, kind="stable")
    stepped = np.maximum.accumulate(p_values[order] * np.arange(M, 0, -1))
    adjusted = np.empty(M)
    adjusted[order] = np.minimum(stepped, 1)
    return adjusted
