"""Cuts training rows into folds by patient."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data.base import Int64


def patient_folds(labels: Int64, groups: NDArray[np.str_], *, folds: int, seed: int) -> Int64:
    """The fold of each row, `(n,)` int64: patients stay whole, and the rows of every class are spread evenly.

    The class with the fewest rows left comes first. Each of its patients goes to the fold that lacks the class most, so
    that every fold gets the rarest class if enough patients have it.

    References:
        K. Sechidis, G. Tsoumakas, I. Vlahavas, On the stratification of multi-label data, ECML PKDD 2011,
        doi:10.1007/978-3-642-23808-6_10.
    """
    patients, patient = np.unique(groups, return_inverse=True)
    rows = np.zeros((len(patients), int(labels.max()) + 1))
    np.add.at(rows, (patient, labels), 1)
    lacking = np.tile(rows.sum(axis=0) / folds, (folds, 1))
    fold_of = np.full(len(patients), -1)
    order = np.random.default_rng(seed).permutation(len(patients))
    while (left := fold_of[order] < 0).any():
        counts = rows[order[left]].sum(axis=0)
        rare = int(np.argmin(np.where(counts > 0, counts, np.inf)))
        for p in order[left & (rows[order, rare] > 0)]:
            fold_of[p] = np.lexsort((lacking.sum(axis=1), lacking[:, rare]))[-1]
            lacking[fold_of[p]] -= rows[p]
    return np.asarray(fold_of[patient], dtype=np.int64)


def holds_all(labels: Int64, rows: Int64) -> bool:
    """Whether every class has at least one of these rows."""
    return len(np.unique(labels[rows])) == len(np.unique(labels))
