"""Intervals of means over cells, from the resamples that the scores of the cells have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from results import ResultsError
from results.run_folder import Predictions, Run, RunCell
from results.scores.alignment import Alignment
from results.scores.named import floor_for, the_cell
from results.statistics.bootstrap import PatientBootstrap, PredictedRows, interval
from results.statistics.metrics import METRICS
from results.statistics.metrics.auc import METRIC as AUC
from results.statistics.metrics.base import AnyMetric

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
        self.run, self.resamples, self.seed, self.against = run, resamples, seed, against
        self.done = {cell.key: cell for cell in run.cells if cell.target == target and cell.status == "done"}
        self._found: dict[tuple[str, PredictedRows, str], Float64] = {}

    def interval(self, keys: Sequence[str], name: str) -> tuple[float, float] | None:
        """The 95 % interval of the mean of a metric, or of `gain` or `gain_pixels`, over cells; None without draws.

        Args:
            keys: Cells that are done and have a value.
            name: A metric in `METRICS`, or a gain.
        """
        if not self.resamples:
            return None
        low, high = interval(np.mean([self.of(key, name) for key in keys], axis=0))
        return (low, high) if np.isfinite(low) else None

    def of(self, key: str, name: str) -> Float64:
        """`(B,)`: the score of a cell in every resample."""
        if name in METRICS:
            return self._draws(METRICS[name], name, key, self._alignment.rows[key], slice(None))
        other = self._others[name][key]
        rows, mine, theirs = self._alignment.shared(key, other)
        return self._draws(AUC, "auc", key, rows, mine) - self._draws(AUC, "auc", other, rows, theirs)

    def _draws(
        self, metric: AnyMetric, name: str, key: str, rows: PredictedRows, taken: NDArray[np.int64] | slice
    ) -> Float64:
        if (name, rows, key) not in self._found:
            P = self._predictions[key].scored_by(metric)[taken]
            self._found[name, rows, key] = self._bootstrap.draws(metric, rows, P)
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
        """The rows of all cells, and those that each shares with its floors: a draw must hold every class in all."""
        done: list[RunCell] = list(self.done.values())
        found = Alignment(self._predictions, n_classes=len(done[0].classes), places=self.run.places)
        for each in self._others.values():
            for key, other in each.items():
                found.shared(key, other)
        for head in self.run.floors:
            for cell in done:
                if floor := floor_for(cell, done, head):
                    found.shared(cell.key, floor.key)
        return found

    @cached_property
    def _bootstrap(self) -> PatientBootstrap:
        try:
            return PatientBootstrap(
                self._alignment.n_patients, self._alignment.all_rows(), resamples=self.resamples, seed=self.seed
            )
        except ValueError as error:
            raise ResultsError(f"target {next(iter(self.done.values())).target}: {error}") from None
