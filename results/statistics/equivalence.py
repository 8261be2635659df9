"""Whether two cells are equally good within a margin that was declared before."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.special import stdtr, stdtrit

from results.statistics.bootstrap import PredictedRows
from results.statistics.uncertainty import Difference


@dataclass(frozen=True)
class Equivalence:
    """A difference and the region of practical equivalence, -margin to margin.

    Args:
        low: The lower end of the 90 % interval of the difference.
        high: Its upper end.
        equivalent: Whether the interval lies inside the margins (two one-sided tests at 5 %); if not, neither
            equivalence nor difference is shown.
        worse: The probability that the first is worse by more than the margin.
        within: The probability that the difference lies within the margin.
        better: The probability that the first is better by more than the margin.
    """

    low: float
    high: float
    equivalent: bool
    worse: float
    within: float
    better: float


def equivalence_test(
    found: Difference, rows: PredictedRows, margin: float, *, lower_is_better: bool = False
) -> Equivalence | None:
    """Whether a difference is shown to lie within a margin on both sides of 0, and with what probability it does.

    Both one-sided tests reject at 5 % where the 90 % interval lies inside (-margin, margin). The probabilities are
    those of Student's t around the difference with its standard error: the posterior of the Bayesian correlated t test,
    with a flat prior.

    Args:
        found: The difference.
        rows: The rows on which both were scored.
        margin: The smallest difference that would matter, in units of the metric.
        lower_is_better: Whether a negative difference is an improvement.

    Returns:
        None if the difference has no standard error.

    Raises:
        ValueError: The margin is not above 0.

    References:
        D. J. Schuirmann, A comparison of the two one-sided tests procedure and the power approach for assessing the
        equivalence of average bioavailability, 1987, doi:10.1007/BF01068419.
        A. Benavoli, G. Corani, J. Demsar and M. Zaffalon, Time for a change: a tutorial for comparing multiple
        classifiers through Bayesian analysis, JMLR 18, 2017.
    """
    if not margin > 0:
        raise ValueError(f"margin ({margin:g}) must be above 0")
    if not math.isfinite(found.value + found.error):
        return None
    if found.error == 0:
        inside = abs(found.value) < margin
        below, above = float(found.value <= -margin), float(found.value >= margin)
        worse, better = (above, below) if lower_is_better else (below, above)
        return Equivalence(found.value, found.value, inside, worse, float(inside), better)
    freedom = rows.n_patients - 1
    reach = float(stdtrit(freedom, 0.95)) * found.error
    low, high = found.value - reach, found.value + reach
    below = float(stdtr(freedom, (-margin - found.value) / found.error))
    above = float(stdtr(freedom, -(margin - found.value) / found.error))
    worse, better = (above, below) if lower_is_better else (below, above)
    return Equivalence(low, high, -margin < low and high < margin, worse, 1 - below - above, better)
