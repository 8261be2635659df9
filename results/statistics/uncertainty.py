"""Intervals and tests of cross-validated scores, for the procedure: they cover patients and training sets.

A bootstrap over patients of stored predictions holds the fitted models fixed. Had other patients been at hand, the
models would have been other models. Nadeau and Bengio correct the variance over folds for training sets that overlap;
the same correction is applied here to the variance over patients of one repeat:

    variance = (variance over patients in one repeat) x (1 / repeats + folds x test / train)

`test / train` is the number of patients that a fit is tested on over those that it learns from, `1 / (folds - 1)` in
cross-validation, so that the factor is 1.45 for 5 repeats of 5 folds. Repeats beyond `REPEATS` are not counted, and
with more than two classes those beyond `SEVERAL`, since means over classes move more with the training set. A metric
that depends on the values of probabilities, and not on their order alone, moves with the base rate of each training
set, which repeats do not average out: its repeats are not counted at all (the factor is 2.25). Where a model that was
fitted elsewhere is tested, the factor is 1. `docs/pages/simulations.md` shows which intervals and tests hold.

References:
    C. Nadeau and Y. Bengio, Inference for the generalization error, 2003, doi:10.1023/A:1024068626366.
    S. Bates, T. Hastie and R. Tibshirani, Cross-validation: what does it estimate and how well does it do it?, 2023,
    doi:10.1080/01621459.2023.2197686.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from results.statistics.bootstrap import FEWEST, PredictedRows
from results.statistics.metrics.base import AnyMetric, OfCounts, OfPairs, OfRows

Float64 = NDArray[np.float64]

REPEATS = 5
"""Repeats of cross-validation beyond which an interval of a metric of pairs gets no narrower."""

SEVERAL = 2
"""The same with more than two classes."""

NONE = (float("nan"), float("nan"))
TINY = 1e-12


@dataclass(frozen=True)
class Difference:
    """Two scores compared on the same rows.

    Args:
        value: The first minus the second.
        error: The standard error of the difference; NaN if it is unknown, 0 if no resample changes the difference.
        low: The lower end of the 95 % interval; NaN if there is none.
        high: Its upper end.
        p_value: Two-sided; below .05 exactly where the interval does not hold 0. NaN if there is no interval, but 1 if
            the two are equal in every resample.
    """

    value: float
    error: float
    low: float
    high: float
    p_value: float


def factor(metric: AnyMetric, rows: PredictedRows) -> float:
    """What the variance over patients of one repeat is multiplied by to cover training sets."""
    ratio = rows.test_to_train
    if ratio == 0:
        return 1.0
    most = REPEATS if rows.n_classes == 2 else SEVERAL
    repeats = min(rows.n_repeats, most) if isinstance(metric, OfPairs) else 1
    return 1 / repeats + rows.folds * ratio


def patients(metric: AnyMetric, rows: PredictedRows) -> int:
    """The number of patients that a metric is about: those of some classes for a rate of these, or else all."""
    if isinstance(metric, OfCounts) and metric.among is not None:
        return len(np.unique(rows.patient[metric.among(rows.y)]))
    return rows.n_patients


def standard_error(metric: AnyMetric, rows: PredictedRows, draws: Float64) -> float:
    """The standard error of the mean over repeats of a metric, or of a difference.

    Args:
        metric: The metric.
        rows: The rows on which it was computed.
        draws: `(R, B)` the metric, or the difference of two, of each repeat in B resamples of patients; NaN where it is
            undefined.

    Returns:
        NaN if there are fewer than `FEWEST` of `patients`, or if it is undefined in half of the resamples or more.
    """
    whole = np.isfinite(draws).all(axis=0)
    n = patients(metric, rows)
    if n < FEWEST or whole.sum() < max(2, draws.shape[1] / 2):
        return float("nan")
    variance = float(draws[:, whole].var(axis=1, ddof=1).mean())
    error = math.sqrt(variance * factor(metric, rows) * n / (n - 1))
    return error if error > TINY else 0.0


def interval(
    metric: AnyMetric, rows: PredictedRows, value: float, error: float, *, level: float = 0.95
) -> tuple[float, float]:
    """The interval of a score by Student's t with n - 1 degrees of freedom for n `patients`, on a scale without ends.

    The scale is the logit between the lowest and the highest value that the metric can have, the logarithm if it has
    only a lowest, and the metric itself if it has no limits. A perfect score has no spread over resamples. Its other
    end is exact: that of n patients without an error (`perfect`). Just below a perfect score the logit has no sense of
    scale, so no end lies farther away than that of a perfect score, or than twice Student's t on the metric itself.

    Args:
        metric: The metric.
        rows: The rows on which it was computed.
        value: Its value.
        error: Its standard error, from `standard_error`.
        level: The coverage.

    Returns:
        NaN for both ends if the standard error is unknown, or if it is 0 and the score is not perfect: a constant.
    """
    from scipy.special import stdtrit

    if not math.isfinite(value + error):
        return NONE
    if error == 0:
        return perfect(metric, rows, value, level=level)
    reach = float(stdtrit(patients(metric, rows) - 1, (1 + level) / 2)) * error
    if not metric.lowest < value < metric.highest or math.isinf(metric.highest - metric.lowest):
        return around(metric, value, reach)
    return no_farther(metric, value, reach, reach_of_perfect(metric, rows, level))


def around(metric: AnyMetric, value: float, reach: float) -> tuple[float, float]:
    """The ends of an interval that reaches so far on either side, on a scale on which it stays in the metric's range.

    The scale is the logit, the logarithm or the metric itself, as in `interval`; a value at an end of the range stays
    there, and the other end is cut off at the range.
    """
    from scipy.special import expit, logit

    low, high = metric.lowest, metric.highest
    if math.isinf(low):
        return value - reach, value + reach
    if not low < value < high:
        return max(value - reach, low), min(value + reach, high)
    if math.isinf(high):
        relative = reach / (value - low)
        return low + (value - low) * math.exp(-relative), low + (value - low) * math.exp(relative)
    share = (value - low) / (high - low)
    spread = reach / (high - low) / (share * (1 - share))
    ends = low + expit(logit(share) + np.array([-spread, spread])) * (high - low)
    return float(ends[0]), float(ends[1])


def no_farther(metric: AnyMetric, value: float, reach: float, exact: float) -> tuple[float, float]:
    """The ends of `around`, no farther away than an exact interval reaches from its end, or than twice the reach."""
    low, high = around(metric, value, reach)
    farthest = max(2 * reach, exact)
    return max(low, value - farthest), min(high, value + farthest)


def perfect(metric: AnyMetric, rows: PredictedRows, value: float, *, level: float = 0.95) -> tuple[float, float]:
    """The interval of a score at the end of its range, where every resample is as perfect.

    Of n patients none has an error. The exact lower end of the share without an error is (alpha / 2)^(1 / n), after
    Clopper and Pearson; n is divided by `factor`. A mean over samples counts all patients; a rate of some classes
    counts theirs; a mean over classes takes the mean of the ends of the classes; a metric of pairs takes the side of a
    comparison that is in the fewest patients.

    Returns:
        NaN for both ends where the value is at no end of the range.

    References:
        C. J. Clopper and E. S. Pearson, The use of confidence or fiducial limits illustrated in the case of the
        binomial, 1934, doi:10.1093/biomet/26.4.404.
    """
    low, high = metric.lowest, metric.highest
    at_low, at_high = abs(value - low) < TINY, abs(value - high) < TINY
    if not (at_low or at_high) or math.isinf(high - low):
        return NONE
    reach = reach_of_perfect(metric, rows, level)
    return (high - reach, high) if at_high else (low, low + reach)


def reach_of_perfect(metric: AnyMetric, rows: PredictedRows, level: float = 0.95) -> float:
    """How far the interval of a perfect score reaches from the end of the range."""
    if isinstance(metric, OfPairs):
        positive = metric.tasks(rows.n_classes)[:, rows.y]
        sides = (len(np.unique(rows.patient[side])) for side in (*positive, *~positive))
        of = np.array([min(n for n in sides if n)])
    elif isinstance(metric, OfRows) or metric.of_samples or metric.among is not None:
        of = np.array([patients(metric, rows)])
    else:
        of = rows.carriers
    reached = float((((1 - level) / 2) ** (factor(metric, rows) / of)).mean())
    return (1 - reached) * (metric.highest - metric.lowest)


def least_error(metric: AnyMetric, rows: PredictedRows) -> float:
    """The standard error of a difference that no resample changes though it is not 0, such as of 1 and of a constant.

    It is what the exact interval of a perfect score has for its half width; NaN for a metric without limits.
    """
    from scipy.special import stdtrit

    if math.isinf(metric.highest - metric.lowest) or patients(metric, rows) < FEWEST:
        return float("nan")
    return reach_of_perfect(metric, rows) / float(stdtrit(patients(metric, rows) - 1, 0.975))


def difference(metric: AnyMetric, rows: PredictedRows, value: float, draws: Float64) -> Difference:
    """A paired difference with its interval and p-value, by Student's t with n - 1 degrees of freedom.

    Args:
        metric: The metric.
        rows: The rows that both predict.
        value: The metric of the first minus that of the second.
        draws: `(R, B)` the difference in each repeat and resample.
    """
    from scipy.special import stdtr, stdtrit

    error = standard_error(metric, rows, draws)
    if error == 0 and abs(value) > TINY:
        error = least_error(metric, rows)
    if not math.isfinite(value + error) or error == 0:
        same = error == 0 and abs(value) < TINY
        return Difference(value, error, *NONE, 1.0 if same else float("nan"))
    freedom = patients(metric, rows) - 1
    reach = float(stdtrit(freedom, 0.975)) * error
    return Difference(value, error, value - reach, value + reach, float(2 * stdtr(freedom, -abs(value) / error)))


def widened(draws: Float64, value: float, error: float) -> Float64:
    """`(B,)`: the draws `(B,)` of a score, moved to its value and spread to its standard error.

    For what has no standard error of its own, such as ranks.
    """
    spread = float(np.nanstd(draws, ddof=1))
    if not math.isfinite(error) or spread < TINY:
        return draws
    return np.asarray(value + (draws - np.nanmean(draws)) * error / spread)
