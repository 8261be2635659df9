"""Clustered DeLong: the AUCs of two scores of the same rows, compared over patients.

The placement of a positive row is the share of the negatives that it beats. The variance of an AUC follows from the
placements, summed over each patient, so that rows of one patient need not be independent.

References:
    N. A. Obuchowski, Nonparametric analysis of clustered ROC curve data, 1997, doi:10.2307/2533958.
    E. R. DeLong, D. M. DeLong and D. L. Clarke-Pearson, Comparing the areas under two or more correlated receiver
    operating characteristic curves, 1988, doi:10.2307/2531595.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]


@dataclass(frozen=True)
class AucTest:
    """Two AUCs compared.

    Args:
        difference: The AUC of the first score minus that of the second.
        standard_error: The standard error of the difference.
        p_value: Two-sided, by the normal distribution; 1 if the difference and its standard error are 0, NaN if only
            the standard error is 0.
    """

    difference: float
    standard_error: float
    p_value: float


def auc_test(
    y: Int64, a: Float64, b: Float64, patient: Int64, *, block: Int64 | None = None, repeat: Int64 | None = None
) -> AucTest:
    """The difference of two AUCs on the same rows, with its clustered standard error.

    With one row per patient it is DeLong's test. With blocks, a patient's contributions are summed over the blocks. The
    number of pairs in a block counts as random, as it does in a bootstrap over patients.

    Args:
        y: `(n,)` 1 (or True) for positives, 0 for negatives.
        a: `(n,)` first score.
        b: `(n,)` second score.
        patient: `(n,)` labels.
        block: `(n,)` labels; only rows of the same block are compared, and blocks weigh by their number of pairs. By
            default all rows are compared. For cross-validation, a label for every fold of every repeat.
        repeat: `(n,)` labels; the AUC is the mean over repeats. All blocks are of one repeat by default.

    Raises:
        ValueError: A repeat has no block with a positive and a negative, or fewer than two patients have a positive
            or a negative.
    """
    of_a, of_b = (_Contributions.of(y, score, patient, block, repeat) for score in (a, b))
    difference = of_a.auc - of_b.auc
    error = math.sqrt(max(0.0, of_a.minus(of_b).variance()))
    if error == 0:
        return AucTest(difference, error, 1.0 if difference == 0 else math.nan)
    return AucTest(difference, error, math.erfc(abs(difference) / error / math.sqrt(2)))


@dataclass(frozen=True, eq=False)
class _Contributions:
    """The contribution of each patient to an AUC.

    Args:
        auc: The AUC.
        positives: `(P,)` from the patient's positives: the sum of their placements minus the AUC, over all pairs.
        negatives: `(P,)` from the patient's negatives.
        has_positive: `(P,)` bool: the patients with a positive that is compared.
        has_negative: `(P,)` bool.
    """

    auc: float
    positives: Float64
    negatives: Float64
    has_positive: NDArray[np.bool_]
    has_negative: NDArray[np.bool_]

    @classmethod
    def of(cls, y: Int64, score: Float64, patient: Int64, block: Int64 | None, repeat: Int64 | None) -> _Contributions:
        positive = y.astype(bool)
        members = _positions(patient)
        blocks = _positions(block) if block is not None else np.zeros(len(y), np.int64)
        repeats = _positions(repeat) if repeat is not None else np.zeros(len(y), np.int64)
        blocks = _positions(repeats * (blocks.max() + 1) + blocks)
        wins, opponents = _wins(positive, score, blocks)
        pairs = np.bincount(repeats[positive], weights=opponents[positive], minlength=repeats.max() + 1)
        if not pairs.all():
            raise ValueError("a positive and a negative must meet in some block of every repeat: use fewer folds")
        aucs = np.bincount(repeats[positive], weights=wins[positive], minlength=len(pairs)) / pairs
        excess = (wins - aucs[repeats] * opponents) / pairs[repeats] / len(pairs)
        compared = opponents > 0
        positives = _sums(members, np.where(positive, excess, 0.0))
        negatives = _sums(members, np.where(positive, 0.0, excess))
        has_positive = _sums(members, positive & compared) > 0
        has_negative = _sums(members, ~positive & compared) > 0
        if min(has_positive.sum(), has_negative.sum()) < 2:
            raise ValueError(
                f"{has_positive.sum()} patients have a positive and {has_negative.sum()} a negative: "
                "a standard error needs 2 of each"
            )
        return cls(float(aucs.mean()), positives, negatives, has_positive, has_negative)

    def minus(self, other: _Contributions) -> _Contributions:
        """The contributions to the difference of two AUCs on the same rows."""
        positives, negatives = self.positives - other.positives, self.negatives - other.negatives
        return _Contributions(self.auc - other.auc, positives, negatives, self.has_positive, self.has_negative)

    def variance(self) -> float:
        """Obuchowski's variance: of positives, of negatives, and of both in one patient."""
        either = self.has_positive | self.has_negative
        terms = [
            _unbiased(self.has_positive) * (self.positives @ self.positives),
            _unbiased(self.has_negative) * (self.negatives @ self.negatives),
            2 * _unbiased(either) * (self.positives @ self.negatives),
        ]
        return float(sum(terms))


def _wins(positive: NDArray[np.bool_], score: Float64, block: Int64) -> tuple[Float64, Float64]:
    """`(n,)` each: the wins of a positive, or over a negative, in its block (a tie is half a win); its opponents."""
    rank = np.unique(score, return_inverse=True)[1]
    start = block * (len(score) + 1)
    place, end = start + rank, start + len(score)
    wins, opponents = np.zeros(len(score)), np.zeros(len(score))
    for mine in (positive, ~positive):
        others = np.sort(place[~mine])
        first, last = np.searchsorted(others, start[mine]), np.searchsorted(others, end[mine])
        below = np.searchsorted(others, place[mine], side="left") - first
        not_above = np.searchsorted(others, place[mine], side="right") - first
        opponents[mine] = last - first
        wins[mine] = (below + not_above) / 2
    wins[~positive] = opponents[~positive] - wins[~positive]
    return wins, opponents


def _sums(members: Int64, values: NDArray[np.generic]) -> Float64:
    return np.bincount(members, weights=values).astype(np.float64)


def _unbiased(members: NDArray[np.bool_]) -> float:
    count = int(members.sum())
    return count / (count - 1)


def _positions(labels: Int64) -> Int64:
    return np.unique(labels, return_inverse=True)[1].astype(np.int64)
