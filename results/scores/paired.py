"""Two cells on the rows that both predict, and the tests of their difference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from results.run_folder import Predictions, RunCell
from results.scores.alignment import Alignment
from results.statistics.bootstrap import PatientBootstrap, PredictedRows
from results.statistics.delong import auc_test
from results.statistics.evaluate import evaluate
from results.statistics.mcnemar import clustered_mcnemar
from results.statistics.metrics import METRICS
from results.statistics.metrics.auc import METRIC as AUC
from results.statistics.metrics.base import Float64
from results.statistics.step_down import step_down_max_t
from results.statistics.uncertainty import Difference, difference


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
        draws: `(R, B)` the difference of the two in every repeat and resample.
        difference: The difference, with its interval and p-value.
        on_fewer: Whether one of the two predicts other rows too.
    """

    cell: RunCell
    reference: RunCell
    rows: PredictedRows
    mine: Float64
    other: Float64
    value: float
    other_value: float
    draws: Float64
    difference: Difference
    on_fewer: bool = False

    def usable(self, *, tested: bool) -> bool:
        """Whether the difference has a value, and a standard error if it is tested."""
        return bool(np.isfinite(self.difference.value + (self.difference.error if tested else 0)))


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
    own, its = value(metric, rows, mine), value(metric, rows, other)
    found = difference(measure, rows, own - its, draws)
    fewer = any(len(rows.y) < len(predictions[one.key].y) for one in (cell, reference))
    return ComparedPair(cell, reference, rows, mine, other, own, its, draws, found, fewer)


def value(metric: str, rows: PredictedRows, P: Float64) -> float:
    """The primary value of a metric in `METRICS`."""
    return evaluate(METRICS[metric], rows.y, P, repeat=rows.repeat, fold=rows.fold, within=rows.within).value


def of_these_fits(metric: str, found: ComparedPair) -> float | None:
    """The p-value of one comparison for the models at hand, by a test that counts patients; None without such a test.

    It holds the fitted models fixed: it says nothing of models that other patients would have given.
    """
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
    p = stepped_down([found.difference for found in pairs], [found.draws for found in pairs], n_patients)
    return np.minimum(p * declared / len(pairs), 1)


def stepped_down(differences: Sequence[Difference], draws: Sequence[Float64], n_patients: int) -> Float64:
    """`(N,)` p-values by step-down max-|t| over the resamples in which every difference is defined.

    None is below the p-value of the comparison by itself, which does not depend on the draws' last digits.

    Args:
        differences: N differences, each with a standard error.
        draws: `(R, B)` of each, from the same resamples of patients.
        n_patients: The number of patients.
    """
    observed, errors = (np.array([getattr(one, name) for one in differences]) for name in ("value", "error"))
    drawn = np.stack([one.mean(axis=0) for one in draws], axis=1)
    p = step_down_max_t(observed, errors, drawn[np.isfinite(drawn).all(axis=1)], n_patients)
    alone = np.array([one.p_value for one in differences])
    return np.maximum(p, np.where(np.isfinite(alone), alone, 0))
