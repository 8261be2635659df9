"""Intervals of means over cells, from the resamples that the scores of the cells have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from results.run_folder import Predictions, Run
from results.scores.alignment import Alignment, aligned
from results.scores.named import floor_for, the_cell
from results.statistics.bootstrap import PatientBootstrap, PredictedRows
from results.statistics.metrics import METRICS
from results.statistics.metrics.auc import METRIC as AUC
from results.statistics.metrics.base import AnyMetric
from results.statistics.uncertainty import difference, interval, standard_error

Float64 = NDArray[np.float64]


class MeanDraws:
    """The scores of the cells of one target in every resample of its patients, and the intervals of their means.

    A resample draws patients once for all cells, also for those on other samples, so that the mean of their scores in
    it is one draw of the mean. The resamples are those of the table of scores.

    Args:
        run: A run folder.
        target: One of its targets.
        resamples: Draws of the bootstrap; 0 for no intervals.
        seed: The seed of the draws.
        against: Axes with the steps of the cell that `gain` is over; None: the floor `run.location`.
    """

    def __init__(
        self, run: Run, target: str, *, resamples: int, seed: int = 0, against: Mapping[str, str] | None = None
    ) -> None:
        self.run, self.target, self.resamples, self.seed, self.against = run, target, resamples, seed, against
        self.done = {cell.key: cell for cell in run.cells if cell.target == target and cell.status == "done"}
        self._found: dict[tuple[str, PredictedRows, str], Float64] = {}

    def interval(self, keys: Sequence[str], name: str, value: float) -> tuple[float, float] | None:
        """The 95 % interval of the mean of a metric, or of `gain` or `gain_pixels`, over cells; None without draws.

        Args:
            keys: Cells that are done and have a value.
            name: A metric in `METRICS`, or a gain.
            value: The mean.
        """
        if not self.resamples:
            return None
        found = [self.of(key, name) for key in keys]
        rows = min((rows for rows, _ in found), key=lambda rows: rows.n_patients)
        draws = np.mean([drawn for _, drawn in found], axis=0)
        if name in METRICS:
            metric = METRICS[name]
            low, high = interval(metric, rows, value, standard_error(metric, rows, draws))
        else:
            gain = difference(AUC, rows, value, draws)
            low, high = gain.low, gain.high
        return (low, high) if np.isfinite(low) else None

    def of(self, key: str, name: str) -> tuple[PredictedRows, Float64]:
        """The rows of a cell and `(R, B)`: its score in every repeat and resample."""
        if name in METRICS:
            rows = self._alignment.rows[key]
            return rows, self._draws(METRICS[name], name, key, rows, slice(None))
        other = self._others[name][key]
        rows, mine, theirs = self._alignment.shared(key, other)
        return rows, self._draws(AUC, "auc", key, rows, mine) - self._draws(AUC, "auc", other, rows, theirs)

    def _draws(
        self, metric: AnyMetric, name: str, key: str, rows: PredictedRows, taken: NDArray[np.int64] | slice
    ) -> Float64:
        if (name, rows, key) not in self._found:
            P = self._predictions[key].scored_by(metric)[taken]
            self._found[name, rows, key] = self._bootstrap.by_repeat(metric, rows, P)
        return self._found[name, rows, key]

    @cached_property
    def _predictions(self) -> dict[str, Predictions]:
        return {key: self.run.predictions(cell) for key, cell in self.done.items()}

    @cached_property
    def _others(self) -> dict[str, dict[str, str]]:
        """The cell that each gain of each cell is over."""
        done = list(self.done.values())

        def floor(head: str) -> dict[str, str]:
            return {cell.key: other.key for cell in done if (other := floor_for(cell, done, head))}

        gain = floor(self.run.location)
        if self.against is not None:
            gain = dict.fromkeys(self.done, the_cell(done, self.against).key)
        return {"gain": gain, "gain_pixels": floor(self.run.pixels)}

    @cached_property
    def _alignment(self) -> Alignment:
        return aligned(self.run, self.target, self._predictions)

    @cached_property
    def _bootstrap(self) -> PatientBootstrap:
        return PatientBootstrap(self._alignment.n_patients, resamples=self.resamples, seed=self.seed)
