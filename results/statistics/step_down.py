"""P-values of a family of comparisons, adjusted so that a false finding anywhere in the family is improbable."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]
TINY = 1e-12


def step_down_max_t(observed: Float64, errors: Float64, draws: Float64, n_patients: int) -> Float64:
    """`(M,)` two-sided p-values by step-down max-|t| over joint bootstrap draws.

    Each difference is divided by its standard error. The largest |t| is compared with the largest |t| of all
    comparisons in each resample; the next with the largest of the remaining comparisons; and so on. In resamples t is
    the distance from the observed difference over the standard deviation of the draws, so that the draws tell how the
    comparisons move together, and the standard errors how far. Correlated comparisons are corrected less than by Holm.

    |t| has the tails of Student's distribution while the draws have those of the normal distribution; this is
    corrected.

    Args:
        observed: `(M,)` differences.
        errors: `(M,)` their standard errors, as `results.statistics.uncertainty` gives them.
        draws: `(B, M)` the same differences in B resamples, each row one resample of patients for all comparisons.
        n_patients: The number of patients that are resampled.

    Returns:
        p-values of at least 1 / (B + 1), in the order of `observed`, that fall with |t|. A comparison whose standard
        error is 0, such as that of identical cells, has p = 1.

    Raises:
        ValueError: A difference, an error or a draw is not finite, or there are fewer than two draws or patients.

    References:
        P. H. Westfall and S. S. Young, Resampling-based multiple testing, 1993, ISBN 978-0-471-55761-6.
        J. P. Romano and M. Wolf, Exact and approximate stepdown methods for multiple hypothesis testing, 2005,
        doi:10.1198/016214504000000539.
    """
    from scipy.special import ndtri, stdtr

    if min(len(draws), n_patients) < 2:
        raise ValueError(f"draws ({len(draws)}) and n_patients ({n_patients}) must be at least 2")
    missing = ~(np.isfinite(observed + errors) & np.isfinite(draws).all(axis=0))
    if missing.any():
        shown = ", ".join(map(str, np.flatnonzero(missing)))
        raise ValueError(f"comparisons at {shown} have no value, or none in some draws: leave them out of the family")
    adjusted = np.ones(len(observed))
    varying = np.flatnonzero(errors > 0)
    t = np.abs(observed[varying]) / errors[varying]
    as_normal = -ndtri(stdtr(n_patients - 1, -t))
    drawn = np.abs(draws[:, varying] - observed[varying])
    drawn /= np.maximum(draws[:, varying].std(axis=0, ddof=1), TINY)
    order = np.argsort(-t, kind="stable")
    largest = np.maximum.accumulate(drawn[:, order[::-1]], axis=1)[:, ::-1]
    p = (1 + (largest >= as_normal[order]).sum(axis=0)) / (len(draws) + 1)
    adjusted[varying[order]] = np.maximum.accumulate(p)
    return adjusted
