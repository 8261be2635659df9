"""AUC and average precision of rows, each counted as often as its patient was drawn.

A positive wins against a negative of lower score; a tie is half a win. AUC = wins / pairs.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]
Bool = NDArray[np.bool_]

TABLE = 4_000_000


def wins_and_pairs(positive: Bool, score: Float64) -> tuple[float, float]:
    """The wins of positives over negatives and the number of such pairs, of `(n,)` rows."""
    negatives = np.sort(score[~positive])
    below = np.searchsorted(negatives, score[positive], side="left")
    not_above = np.searchsorted(negatives, score[positive], side="right")
    return float((below + not_above).sum()) / 2, float(len(below) * len(negatives))


def average_precision(positive: Bool, score: Float64) -> float:
    """The mean precision at each positive, with rows of equal score taken together; NaN without a positive."""
    if not positive.any():
        return float("nan")
    return float(weighted_average_precision(positive, score, np.ones((1, len(score))))[0])


def patient_wins(positive: Bool, score: Float64, patient: Int64, within: Int64 | None = None) -> Float64:
    """`(P, P)`: the wins of the positives of one patient (row) over the negatives of another (column).

    If patient p is drawn c_p times, the wins of the resample are `c @ wins @ c`: every copy of a positive meets every
    copy of a negative, also those of the same patient.

    Args:
        positive: `(n,)` bool.
        score: `(n,)`.
        patient: `(n,)` in ascending order, 0 to P - 1 without gaps.
        within: `(n,)` labels; only rows of the same label are compared.
    """
    size = int(patient[-1]) + 1
    wins = np.zeros((size, size))
    if positive.all() or not positive.any():
        return wins
    rank = np.unique(score, return_inverse=True)[1]
    first_of_place = np.zeros(len(rank), np.int64) if within is None else within * (len(rank) + 1)
    place = first_of_place + rank
    rows, row_starts = np.unique(patient[positive], return_index=True)
    step = max(1, TABLE // len(rank))
    for start in range(0, size, step):
        some = np.flatnonzero(~positive & (patient >= start) & (patient < start + step))
        some = some[np.argsort(place[some], kind="stable")]
        until = np.zeros((len(some) + 1, min(step, size - start)), dtype=np.int32)
        until[np.arange(1, len(some) + 1), patient[some] - start] = 1
        np.cumsum(until, axis=0, out=until)
        below = until[np.searchsorted(place[some], place[positive], side="left")]
        not_above = until[np.searchsorted(place[some], place[positive], side="right")]
        half_wins = below + not_above
        if within is not None:
            half_wins -= 2 * until[np.searchsorted(place[some], first_of_place[positive], side="left")]
        wins[rows, start : start + step] = np.add.reduceat(half_wins, row_starts, axis=0) / 2
    return wins


def weighted_wins(positive: Bool, score: Float64, weight: Float64) -> Float64:
    """`(B,)` wins where row i counts `weight[b, i]` times; cheaper than `patient_wins` where patients have few rows."""
    order, last = _tied(score)
    negative = np.where(positive[order], 0, weight[:, order])
    below = np.cumsum(negative, axis=1)
    first = np.concatenate(([0], last[:-1] + 1))
    ties = np.add.reduceat(negative, first, axis=1)
    wins_of_one = below[:, last] - ties / 2
    positives = np.add.reduceat(np.where(positive[order], weight[:, order], 0), first, axis=1)
    return np.asarray((wins_of_one * positives).sum(axis=1))


def weighted_average_precision(positive: Bool, score: Float64, weight: Float64) -> Float64:
    """`(B,)` average precision where row i counts `weight[b, i]` times, a whole number; 0 where no positive counts.

    Rows of equal score are taken together. Copies of one row are taken one after another: together they would be a tie
    that no sample has, which would raise precision in every resample (docs/pages/simulations.md).
    """
    order, last = _tied(-score)
    first = np.concatenate(([0], last[:-1] + 1))
    counted = np.cumsum(weight[:, order], axis=1)[:, last]
    found = np.cumsum(np.where(positive[order], weight[:, order], 0), axis=1)[:, last]
    precision = np.divide(found, counted, out=np.zeros_like(found), where=counted > 0)
    total = found[:, -1]
    area = np.diff(found, axis=1, prepend=0) * precision
    lone = np.flatnonzero((first == last) & positive[order][last])
    # Copies 1 to c of a positive below F positives among C rows: the sum of (F + i) / (C + i).
    of_lone = counted[:, lone].astype(np.int64)
    copies = weight[:, order[last[lone]]]
    harmonic = np.concatenate(([0.0], np.cumsum(1 / np.arange(1, of_lone.max(initial=0) + 1))))
    steps = harmonic[of_lone] - harmonic[of_lone - copies.astype(np.int64)]
    area[:, lone] = copies - (of_lone - found[:, lone]) * steps
    return np.asarray(np.divide(area.sum(axis=1), total, out=np.zeros_like(total), where=total > 0))


def wins_of_labels(positive: Bool, score: Float64, *, precision: bool = False) -> tuple[Float64, Float64]:
    """`(B,)` wins and `(B,)` pairs of `(n,)` scores under each row of labels `(B, n)`.

    With `precision`, wins are the average precision times the pairs.
    """
    order, last = _tied(-score if precision else score)
    first = np.concatenate(([0], last[:-1] + 1))
    found = np.add.reduceat(positive[:, order].astype(np.float64), first, axis=1)
    others = (last - first + 1) - found
    pairs = found.sum(axis=1) * others.sum(axis=1)
    if not precision:
        return (found * (np.cumsum(others, axis=1) - others / 2)).sum(axis=1), pairs
    area = (found * np.cumsum(found, axis=1) / (last + 1)).sum(axis=1)
    # Average precision is the area over the positives, times positives x others.
    return area * others.sum(axis=1), pairs


def _tied(score: Float64) -> tuple[Int64, Int64]:
    """The rows by ascending score, and the last position of each run of equal scores."""
    order = np.argsort(score, kind="stable")
    ordered = score[order]
    return order, np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))
