"""Reads the stored predictions for the report, each file once."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from results.run_folder import Predictions, Run, RunCell
from results.statistics.metrics.auc import METRIC as AUC

SUM_TOLERANCE = 1e-3


@dataclass
class Read:
    """The predictions of one target, condensed.

    Args:
        fold_auc: AUC of each fold (column) of each repeat (row), by the key of the cell; NaN if a class is lacking.
        row_sets: The distinct sets of rows that cells predict.
        improper: Keys of cells with a row of probabilities that is not finite or does not sum to 1.
    """

    fold_auc: dict[str, list[list[float]]] = field(default_factory=dict)
    row_sets: list[Predictions] = field(default_factory=list)
    improper: list[str] = field(default_factory=list)


def read_target(run: Run, cells: Iterable[RunCell]) -> Read:
    """Reads every cell that is done.

    Raises:
        ResultsError: A file is missing or broken.
    """
    found, seen = Read(), set()
    for cell in cells:
        if cell.status != "done":
            continue
        p = run.predictions(cell)
        rows = (tuple(p.sample), tuple(p.patient), *(a.tobytes() for a in (p.repeat, p.fold, p.y)))
        if (digest := hash(rows)) not in seen:
            seen.add(digest)
            found.row_sets.append(p)
        if not (np.isfinite(p.P).all() and np.allclose(p.P.sum(axis=1), 1, atol=SUM_TOLERANCE)):
            found.improper.append(cell.key)
        found.fold_auc[cell.key] = fold_auc(p)
    return found


def fold_auc(p: Predictions) -> list[list[float]]:
    """AUC by repeat and fold; NaN for a fold that lacks a class."""
    n_classes, folds = len(np.unique(p.y)), np.unique(p.fold)
    out = []
    for repeat in np.unique(p.repeat):
        blocks = [(p.repeat == repeat) & (p.fold == fold) for fold in folds]
        whole = [len(np.unique(p.y[block])) == n_classes for block in blocks]
        out.append([AUC(p.y[b], p.P[b]) if w else math.nan for b, w in zip(blocks, whole, strict=True)])
    return out
