"""Calibration of every cell of a run: slope, intercept, expected error, log loss and Brier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from results.run_folder import Run, RunCell
from results.scores.alignment import aligned
from results.statistics.bootstrap import PatientBootstrap, PredictedRows
from results.statistics.calibration_draws import SCALES, calibration_draws, error_if_calibrated
from results.statistics.evaluate import evaluate
from results.statistics.metrics.base import OfRows
from results.statistics.metrics.brier import METRIC as BRIER
from results.statistics.metrics.log_loss import METRIC as LOG_LOSS
from results.statistics.uncertainty import interval, standard_error
from results.tables.formats import Row, Score, Sheet
from results.tables.leading import best_places, common_notes, leading, names
from results.tables.presets.base import Preset

Float64 = NDArray[np.float64]
Bool = NDArray[np.bool_]

SIGNED = ("intercept", "intercept (slope 1)")
HEADERS = ("Slope", "Intercept", "Intercept\n(slope 1)", "ECE", "ECE if\ncalibrated", "ICI", "Log loss", "Brier")
RANKED = (3, 5, 6, 7)
"""The columns with a best row: ECE, ICI, log loss, Brier."""

LOSS = 6
UNDONE = (
    "Weighted or resampled training rows have another base rate than the scans, so cells fitted on them have two rows: "
    "as fitted, and recalibrated by a sigmoid that was learnt on real held-out rows. A head that "
    "calibrates anyway has one row."
)


def calibration_sheets(run: Run, *, resamples: int = 400) -> list[Sheet]:
    """One sheet for each target: every cell and floor, best log loss first; means over repeats, which pool their folds.

    With two classes a cell has one row, for class 1. With more classes it has a row `all`, whose ECE and ICI are those
    of the most probable class, and a row for each class against the rest. Slope, intercepts and ICI are empty where the
    probabilities do not differ within a fold, and where a repeat has no finite solution.

    Args:
        run: A run folder.
        resamples: Draws of the bootstrap; 0 for no intervals.

    Raises:
        ResultsError: A broken run folder.
    """
    sheets = [_sheet(run, target, resamples) for target in run.targets]
    return [sheet for sheet in sheets if sheet is not None]


@dataclass(frozen=True, eq=False)
class _Calibrated:
    """The rows of one cell with some probabilities, and the resamples of the target."""

    rows: PredictedRows
    P: Float64
    bootstrap: PatientBootstrap

    def of_class(self, k: int, labels: tuple[str, ...]) -> Row:
        """The row of class k against the rest."""
        y, p = (self.rows.y == k).astype(np.int64), self.P[:, k]
        binary = replace(self.rows, y=y, n_classes=2)
        losses = [self._loss(metric, binary, np.column_stack([1 - p, p])) for metric in (LOG_LOSS, BRIER)]
        return Row(labels, (*self._lines(y == 1, p, smooth=self._differs(p)), *losses))

    def of_all(self, labels: tuple[str, ...]) -> Row:
        """The row of all classes: whether the most probable class is right, and the losses over all classes."""
        right, p = self.P.argmax(axis=1) == self.rows.y, self.P.max(axis=1)
        losses = [self._loss(metric, self.rows, self.P) for metric in (LOG_LOSS, BRIER)]
        found = self._lines(right, p, smooth=self._differs(p))
        return Row(labels, (None, None, None, *found[3:], *losses))

    def _lines(self, event: Bool, p: Float64, *, smooth: bool) -> tuple[Score | None, ...]:
        draws = calibration_draws(self.bootstrap, self.rows, event, p)
        repeats = [self.rows.repeat == r for r in np.unique(self.rows.repeat)]
        calibrated = float(np.mean([error_if_calibrated(p[rows]) for rows in repeats]))
        found = {name: self._score(name, draws[name]) if smooth or name == "ECE" else None for name in SCALES}
        return (
            found["slope"],
            found["intercept"],
            found["intercept (slope 1)"],
            found["ECE"],
            Score(calibrated, decimals=3),
            found["ICI"],
        )

    def _score(self, name: str, draws: Float64) -> Score | None:
        """The mean over repeats with its interval; None if a repeat has no value."""
        value = float(draws[:, 0].mean())
        if not np.isfinite(value):
            return None
        signed, scale = name in SIGNED, SCALES[name]
        low, high = interval(scale, self.rows, value, standard_error(scale, self.rows, draws[:, 1:]))
        return Score(value, *_ends(low, high), signed=signed, decimals=2 if name in ("slope", *SIGNED) else 3)

    def _loss(self, metric: OfRows, rows: PredictedRows, P: Float64) -> Score:
        value = evaluate(metric, rows.y, P, repeat=rows.repeat, fold=rows.fold).value
        draws = self.bootstrap.by_repeat(metric, rows, P)
        return Score(value, *_ends(*interval(metric, rows, value, standard_error(metric, rows, draws))), decimals=3)

    def _differs(self, p: Float64) -> bool:
        return any(np.ptp(p[block]) > 1e-12 for _, block in self.rows.blocks)


def _ends(low: float, high: float) -> tuple[float | None, float | None]:
    return (low, high) if np.isfinite(low + high) else (None, None)


def _sheet(run: Run, target: str, resamples: int) -> Sheet | None:
    found = leading(run, target)
    if not found.predictions:
        return None
    axes, labels = names(run)
    alignment = aligned(run, target, found.predictions, places=False)
    bootstrap = PatientBootstrap(alignment.n_patients, resamples=resamples)
    undone = any(p.recalibrated is not None for p in found.predictions.values())

    def rows(cells: tuple[RunCell, ...]) -> list[Row]:
        by_cell = []
        for cell in cells:
            p, own = found.predictions[cell.key], alignment.rows[cell.key]
            words = (*labels[cell.key], "as fitted") if undone else labels[cell.key]
            by_cell.append(_rows(cell, _Calibrated(own, p.P, bootstrap), words))
            if p.recalibrated is not None:
                again = _Calibrated(own, p.recalibrated, bootstrap)
                by_cell.append(_rows(cell, again, (*labels[cell.key], "recalibrated")))
        by_cell.sort(key=_log_loss)
        return [row for own in by_cell for row in own]

    drawn = rows(found.cells)
    several = len((*found.cells, *found.floors)[0].classes) > 2
    notes = [
        "Slope and intercept are from a logistic regression of the outcome on the logit of its probability: 1 and 0 if "
        "perfect. With a slope below 1 the probabilities are too extreme. Intercept (slope 1): above 0 if "
        "probabilities are too low on average.",
        "ECE: expected calibration error over 10 bins of equal mass. It is never 0 on few samples: compare it with ECE "
        "if calibrated, which these probabilities have on average if outcomes are drawn with them. ICI: the mean "
        "distance of the probabilities from a smooth calibration curve (restricted cubic spline, 4 knots)."
        + (" Row all: of the most probable class; log loss and Brier over all classes." if several else ""),
        "Numbers are means over repeats, each of which pools its folds. Slope, intercepts and ICI are empty where "
        "probabilities do not differ within a fold (prior), or where there is no finite solution.",
        *common_notes(run, target, resamples=resamples, left_out=max(map(bootstrap.left_out, alignment.rows.values()))),
    ]
    if undone:
        notes.insert(0, UNDONE)
    whole = [i for i, row in enumerate(drawn) if not several or row.labels[-1] == "all"]
    columns = [[drawn[i].scores[j] for i in whole] for j in RANKED]
    return Sheet(
        target=target,
        title=f"Calibration of {target}: {run.dataset}, run {run.name}",
        labels=(*axes, "Probabilities", "Class") if undone else (*axes, "Class"),
        headers=HEADERS,
        extras=(),
        rows=tuple(drawn),
        floors=tuple(rows(found.floors)),
        best=frozenset((whole[i], RANKED[j]) for i, j in best_places(columns, [True] * len(RANKED))),
        notes=tuple(notes),
    )


def _log_loss(rows: Sequence[Row]) -> float:
    first = rows[0].scores[LOSS]
    return np.inf if first is None else first.value


def _rows(cell: RunCell, found: _Calibrated, labels: tuple[str, ...]) -> list[Row]:
    if len(cell.classes) == 2:
        return [found.of_class(1, (*labels, cell.classes[1]))]
    classes = [found.of_class(k, (*labels, name)) for k, name in enumerate(cell.classes)]
    return [found.of_all((*labels, "all")), *classes]


PRESET = Preset(
    "Calibration slope, intercept and errors, log loss and Brier of every cell.", calibration_sheets, order=50
)
