"""The threshold at which an event is called, chosen on rows that the fit has not seen."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

ARGMAX = "argmax"
ROUNDING = 1e-9
_SENSITIVITY = re.compile(r"sensitivity=(0?\.\d+|1|1\.0*)")


def wanted_sensitivity(rule: str) -> float | None:
    """The sensitivity that a rule names; None for Youden's index.

    Raises:
        ValueError: The rule chooses no threshold.
    """
    if rule == "youden":
        return None
    found = _SENSITIVITY.fullmatch(rule.replace(" ", ""))
    if not found or not float(found[1]) > 0:
        raise ValueError(
            f"must be argmax, priors, f1, balanced_accuracy, youden or such as sensitivity=.9, not {rule!r}"
        )
    return float(found[1])


def choose(rule: str, event: NDArray[np.bool_], p: NDArray[np.float64]) -> float:
    """The threshold of a rule, on held-out rows.

    Args:
        rule: `"youden"` or such as `"sensitivity=.9"`.
        event: `(n,)` bool: which rows are events.
        p: `(n,)` score of the event. It is called at and above the threshold, which lies half-way to the next lower p.

    Raises:
        ValueError: As in `youden` and `at_sensitivity`.
    """
    wanted = wanted_sensitivity(rule)
    return youden(event, p) if wanted is None else at_sensitivity(event, p, wanted)


def youden(event: NDArray[np.bool_], p: NDArray[np.float64]) -> float:
    """The threshold with the largest sensitivity + specificity - 1; of several the highest.

    Args:
        event: `(n,)` bool.
        p: `(n,)` score of the event.

    Raises:
        ValueError: There is no event, or nothing but events.

    References:
        W. J. Youden, Index for rating diagnostic tests, 1950,
        doi:10.1002/1097-0142(1950)3:1<32::AID-CNCR2820030106>3.0.CO;2-3.
    """
    thresholds, called, false = _called(event, p)
    # Whole numbers, so that ties are ties.
    index = called * int((~event).sum()) - false * int(event.sum())
    return float(thresholds[index.argmax()])


def at_sensitivity(event: NDArray[np.bool_], p: NDArray[np.float64], wanted: float) -> float:
    """The highest threshold that reaches a sensitivity.

    Args:
        event: `(n,)` bool.
        p: `(n,)` score of the event.
        wanted: Above 0, at most 1.

    Raises:
        ValueError: There is no event, or nothing but events, or the sensitivity is out of range.
    """
    if not 0 < wanted <= 1:
        raise ValueError(f"sensitivity ({wanted}) must be above 0 and at most 1")
    thresholds, called, _ = _called(event, p)
    reached = called / event.sum() >= wanted - 1e-12
    return float(thresholds[reached.argmax()])


def _called(
    event: NDArray[np.bool_], p: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Thresholds from high to low, and how many events and other rows each calls.

    The first lies above every p, then one lies below each distinct p. They lie half-way between neighbours, so that
    rounding moves no row across.
    """
    if event.all() or not event.any():
        raise ValueError(f"a threshold needs rows with and without the event, not {int(event.sum())} of {len(event)}")
    values, place = np.unique(-p, return_inverse=True)
    true, false = (np.cumsum(np.bincount(place[rows], minlength=len(values))) for rows in (event, ~event))
    ends = [-values[0] + ROUNDING, *-values, -values[-1] - ROUNDING]
    thresholds = np.array([ends[0], *((a + b) / 2 for a, b in pairwise(ends[1:]))])
    return thresholds, np.append(0, true), np.append(0, false)
