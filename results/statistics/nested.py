"""The choice of a cell as part of the procedure: in each fold the cell is taken that is best on the other folds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from results.statistics.bootstrap import PredictedRows
from results.statistics.metrics.base import OfPairs, score_of
from results.statistics.ranking import wins_and_pairs

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]


def chosen_elsewhere(metric: OfPairs, rows: PredictedRows, cells: Sequence[Float64]) -> Int64:
    """`(n,)` int64: the number of the cell that is taken for each row.

    It is the cell with the highest AUC over the other folds of the same repeat. Of two that are equally good there,
    the first is taken. The score of the chosen predictions is less optimistic than that of the best cell, but not free
    of optimism: the models that predict the other folds learnt from this one. If all of 24 cells see noise, its AUC is
    .535 in place of .565 (docs/pages/simulations.md).

    Args:
        metric: AUC.
        rows: The rows that every cell predicts, in at least two folds in each repeat.
        cells: `(n, K)` probabilities of each cell.

    References:
        S. Varma and R. Simon, Bias in error estimation when using cross-validation for model selection, 2006,
        doi:10.1186/1471-2105-7-91.
    """
    tasks = metric.tasks(rows.n_classes)
    wins = np.zeros((len(rows.blocks), len(tasks), len(cells)))
    pairs = np.zeros((len(rows.blocks), len(tasks), 1))
    for b, (_, block) in enumerate(rows.blocks):
        for t, classes in enumerate(tasks):
            positive = classes[rows.y[block]]
            for c, P in enumerate(cells):
                wins[b, t, c], pairs[b, t, 0] = wins_and_pairs(positive, score_of(classes, P[block]))
    repeat = np.array([number for number, _ in rows.blocks])
    chosen = np.zeros(len(rows.y), dtype=np.int64)
    for b, (number, block) in enumerate(rows.blocks):
        others = (repeat == number) & (np.arange(len(repeat)) != b)
        won, met = wins[others].sum(axis=0), pairs[others].sum(axis=0)
        there = met[:, 0] > 0
        if there.any():
            chosen[block] = int((won[there] / met[there]).mean(axis=0).argmax())
    return chosen
