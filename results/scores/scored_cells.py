"""The cells of one target with one bootstrap: their metrics, and their gains over each other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from results.run_folder import Predictions
from results.scores.alignment import Alignment
from results.scores.records import Record
from results.statistics.bootstrap import PatientBootstrap, PredictedRows
from results.statistics.evaluate import evaluate
from results.statistics.metrics import METRICS
from results.statistics.metrics.auc import METRIC as AUC
from results.statistics.uncertainty import Difference, difference, interval, standard_error

Float64 = NDArray[np.float64]


class ScoredCells:
    """Scores of cells, and gains in AUC on the samples that two predict; each AUC is computed once per set of samples.

    Args:
        alignment: The rows of the cells.
        predictions: Their predictions, by key.
        bootstrap: Resamples of the patients of the alignment.
    """

    def __init__(self, alignment: Alignment, predictions: dict[str, Predictions], bootstrap: PatientBootstrap) -> None:
        self.alignment, self.predictions, self.bootstrap = alignment, predictions, bootstrap
        self.found: dict[tuple[str, PredictedRows], tuple[float, Float64]] = {}

    def score(self, row: Record, key: str, metrics: Sequence[str]) -> dict[str, Float64]:
        """Adds the metrics of a cell to its record; gives its draws `(R, B)` by metric."""
        drawn, rows = {}, self.alignment.rows[key]
        for name in metrics:
            P = self.predictions[key].scored_by(METRICS[name])
            drawn[name] = self.bootstrap.by_repeat(METRICS[name], rows, P)
            row |= _metric(name, rows, P, drawn[name])
            if name == "auc":
                self.found[key, rows] = row["auc"], drawn[name]
        return drawn

    def over(self, other: str, key: str, name: str) -> Record:
        """The gain of a cell over another, by a name, with its interval."""
        found = self.difference(other, key)
        if found is None:
            return {}
        gain, _ = found
        return {name: gain.value, f"{name}_low": gain.low, f"{name}_high": gain.high}

    def difference(self, other: str, key: str) -> tuple[Difference, Float64] | None:
        """The AUC of a cell minus that of another, and its draws `(R, B)`; None if they share no row."""
        rows, mine, theirs = self.alignment.shared(key, other)
        if len(rows.y) == 0:
            return None
        value, draws = self._auc(key, rows, mine)
        other_value, other_draws = self._auc(other, rows, theirs)
        return difference(AUC, rows, value - other_value, draws - other_draws), draws - other_draws

    def _auc(self, key: str, rows: PredictedRows, taken: NDArray[np.int64]) -> tuple[float, Float64]:
        if (key, rows) not in self.found:
            P = self.predictions[key].P[taken]
            value = evaluate(AUC, rows.y, P, repeat=rows.repeat, fold=rows.fold).value
            self.found[key, rows] = value, self.bootstrap.by_repeat(AUC, rows, P)
        return self.found[key, rows]


def _metric(name: str, rows: PredictedRows, P: Float64, draws: Float64) -> Record:
    metric = METRICS[name]
    estimate = evaluate(metric, rows.y, P, repeat=rows.repeat, fold=rows.fold, within=rows.within)
    low, high = interval(metric, rows, estimate.value, standard_error(metric, rows, draws))
    return {
        name: estimate.value,
        f"{name}_low": low,
        f"{name}_high": high,
        f"{name}_fold_mean": estimate.fold_mean,
        f"{name}_fold_sd": estimate.fold_sd,
        f"{name}_repeat_sd": estimate.repeat_sd,
    }
