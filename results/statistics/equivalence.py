"""Whether two cells are equally good within a margin that was declared before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from results.statistics.bootstrap import interval


@dataclass(frozen=True)
class Equivalence:
    """Two one-sided tests at 5 %.

    Args:
        low: The lower end of the 90 % interval of the difference.
        high: Its upper end.
        equivalent: Whether the interval lies inside the margins; if not, neither equivalence nor difference is shown.
    """

    low: float
    high: float
    equivalent: bool


def equivalence_test(draws: NDArray[np.float64], margin: float) -> Equivalence:
    """Whether a difference is shown to lie within a margin on both sides of 0.

    Both one-sided tests reject at 5 % where the 90 % interval lies inside (-margin, margin).

    Args:
        draws: `(B,)` the difference in B resamples.
        margin: The smallest difference that would matter, in units of the metric.

    Raises:
        ValueError: The margin is not above 0.

    References:
        D. J. Schuirmann, A comparison of the two one-sided tests procedure and the power approach for assessing the
        equivalence of average bioavailability, 1987, doi:10.1007/BF01068419.
    """
    if not margin > 0:
        raise ValueError(f"margin ({margin:g}) must be above 0")
    low, high = interval(draws, level=0.9)
    return Equivalence(low, high, -margin < low and high < margin)
