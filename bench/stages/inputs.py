"""What the heads of a fold read: the features of each branch of a fusion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.stages.branches import Branch
from bench.stages.features import join_table, standardise
from bench.stages.own import has_probabilities
from data.base import Float32
from encoders.fusion.base import Fused

Int64 = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Refitted:
    """The training rows of a fold, fused by a fusion that was trained again without each of their inner folds.

    Args:
        fold_of: `(n,)` int64 inner fold of each training row; -1 for one that is in none.
        fused: For each inner fold all n rows, fused without it.
    """

    fold_of: Int64
    fused: tuple[Fused, ...]


def own(fused: Fused, refitted: Refitted | None) -> Branch:
    """The encoder's or the fusion's own probabilities."""
    assert fused.probabilities is not None
    refits = None if refitted is None else (refitted.fold_of, [one.probabilities for one in refitted.fused])
    return Branch(fused.probabilities, has_probabilities(fused.probabilities), refits)


def embedded(fused: Fused, table: Float32 | None, train: Int64, refitted: Refitted | None) -> Sequence[Branch]:
    """The vectors of each branch with the table's features `(N, F)`, standardised on the training rows."""
    branches = []
    for b, (vectors, present) in enumerate(zip(fused.vectors, fused.present, strict=True)):
        refits = None
        if refitted is not None:
            inner = []
            for i, one in enumerate(refitted.fused):
                rest = np.flatnonzero((refitted.fold_of != i) & present[train])
                inner.append(standardise(join_table(one.vectors[b], table, train), rest))
            refits = (refitted.fold_of, inner)
        X = standardise(join_table(vectors, table), train[present[train]])
        branches.append(Branch(X, present, refits))
    return branches
