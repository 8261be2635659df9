"""Two cells on the rows that both predict, and the tests of their difference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from results.run_folder import Predictions, RunCell
from results.scores.alignment import Alignment
from results.statistics.bootstrap import PatientBootstrap, PredictedRows
from results.statistics.delong import auc_test
from results.statistics.evaluate import evaluate, fold_values
from results.statistics.mcnemar import clustered_mcnemar
from results.statistics.metrics import METRICS
from results.statistics.metrics.auc import METRIC as AUC
from results.statistics.metrics.base import Float64
from results.statistics.resampled_t import corrected_resampled_t
from results.statistics.step_down import step_down_max_t

ENOUGH_FOLDS = 10


@dataclass(frozen=True, eq=False)
class ComparedPair:
    """A cell and its reference on the rows that both predict.

    Args:
        cell: The cell.
        reference: The cell that it is compared with.
        rows: The rows that both predict.
        mine: `(n, K)` probabilities of the cell on these rows, as the metric takes them (`Predictions.scored_by`).
        other: `(n, K)` probabilities of the reference.
        value: The metric of the cell.
        other_value: The metric of the reference.
        draws: `(B,)` the difference of the two in every resample.
    """

    cell: RunCell
    reference: RunCell
    rows: PredictedRows
    mine: Float64
    other: Float64
    value: float
    other_value: float
    draws: Float64

    @property
    def usable(self) -> bool:
        """Whether the difference has a value, here and in every resample."""
        return bool(np.isfinite(self.value - self.other_value) and np.isfinite(self.draws).all())


def pair(
    metric: str,
    cell: RunCell,
    reference: RunCell,
    alignment: Alignment,
    predictions: Mapping[str, Predictions],
    bootstrap: PatientBootstrap,
) -> ComparedPair:
    """Compares two cells that share rows by a metric in `METRICS`."""
    rows, of_cell, of_other = alignment.shared(cell.key, reference.key)
    measure = METRICS[metric]
    mine = predictions[cell.key].scored_by(measure)[of_cell]
    other = predictions[reference.key].scored_by(measure)[of_other]
    draws = bootstrap.difference(measure, rows, mine, other)
    return ComparedPair(
        cell, reference, rows, mine, other, value(metric, rows, mine), value(metric, rows, other), draws
    )


def value(metric: str, rows: PredictedRows, P: Float64) -> float:
    """The primary value of a metric in `METRICS`."""
    return evaluate(METRICS[metric], rows.y, P, repeat=rows.repeat, fold=rows.fold, within=rows.within).value


def alone(metric: str, found: ComparedPair) -> float | None:
    """The p-value of one comparison by a test that counts patients; None for metrics without such a test."""
    rows = found.rows
    if METRICS[metric] is AUC and rows.n_classes == 2:
        block = rows.repeat * (rows.fold.max() + 1) + rows.fold
        return auc_test(
            rows.y, found.mine[:, 1], found.other[:, 1], rows.patient, block=block, repeat=rows.repeat
        ).p_value
    if metric == "accuracy":
        right = [P.argmax(axis=1) == rows.y for P in (found.mine, found.other)]
        return clustered_mcnemar(right[0], right[1], rows.patient).p_value
    return None


def adjusted(pairs: Sequence[ComparedPair], declared: int, n_patients: int) -> Float64:
    """`(N,)` p-values by step-down max-|t| over the N comparisons that were made of a family of `declared`.

    Comparisons that could not be made have no resamples. So the N p-values are multiplied by declared / N, as by
    Bonferroni: a cell that failed makes no other cell significant.
    """
    observed = np.array([found.value - found.other_value for found in pairs])
    p = step_down_max_t(observed, np.stack([found.draws for found in pairs], axis=1), n_patients)
    return np.minimum(p * declared / len(pairs), 1)


def differences_by_fold(metric: str, found: ComparedPair) -> Float64:
    """`(J,)`: the difference in every fold of every repeat that holds all classes."""
    rows = found.rows
    mine, other = (
        fold_values(METRICS[metric], rows.y, P, repeat=rows.repeat, fold=rows.fold, within=rows.within)
        for P in (found.mine, found.other)
    )
    differences = mine - other
    return np.asarray(differences[np.isfinite(differences)])


def secondary(metric: str, found: ComparedPair) -> float | None:
    """The p-value of the corrected resampled t over folds; None with fewer than `ENOUGH_FOLDS` that hold all classes.

    With k folds in a repeat, the test part of a fold has 1 / (k - 1) times the samples of its training part.
    """
    folds = round(len(found.rows.blocks) / found.rows.n_repeats)
    differences = differences_by_fold(metric, found)
    if folds < 2 or len(differences) < ENOUGH_FOLDS:
        return None
    return corrected_resampled_t(differences, 1 / (folds - 1)).p_value
