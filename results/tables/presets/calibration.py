"""Calibration of every cell of a run: slope, intercept, expected error, log loss and Brier."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from results.run_folder import Predictions, Run, RunCell
from results.statistics import calibration as statistics
from results.statistics.metrics.brier import METRIC as BRIER
from results.statistics.metrics.log_loss import METRIC as LOG_LOSS
from results.tables.formats import Row, Score, Sheet
from results.tables.leading import best_places, common_notes, leading, names
from results.tables.presets.base import Preset

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]

HEADERS = ("Slope", "Intercept", "Intercept\n(slope 1)", "ECE", "Log loss", "Brier")
UNDONE = (
    "Weighted or resampled training rows have another base rate than the scans, so cells fitted on them have two rows: "
    "as fitted, and recalibrated by a sigmoid that was learnt on real held-out rows of inner folds. A head that "
    "calibrates anyway has one row."
)


def calibration_sheets(run: Run) -> list[Sheet]:
    """One sheet for each target: every cell and floor, best log loss first; means over repeats, which pool their folds.

    With two classes a cell has one row, for class 1. With more classes it has a row `all`, whose expected error is that
    of the most probable class, and a row for each class against the rest. Slope and intercepts are empty where the
    probabilities do not differ within a fold, and where a repeat has no finite solution.

    Raises:
        ResultsError: A broken run folder.
    """
    sheets = [_sheet(run, target) for target in run.targets]
    return [sheet for sheet in sheets if sheet is not None]


def _sheet(run: Run, target: str) -> Sheet | None:
    found = leading(run, target)
    if not found.predictions:
        return None
    axes, labels = names(run)

    undone = any(p.recalibrated is not None for p in found.predictions.values())

    def rows(cells: tuple[RunCell, ...]) -> list[Row]:
        by_cell = []
        for cell in cells:
            p = found.predictions[cell.key]
            by_cell.append(_rows(cell, p, (*labels[cell.key], "as fitted") if undone else labels[cell.key]))
            if p.recalibrated is not None:
                by_cell.append(_rows(cell, replace(p, P=p.recalibrated), (*labels[cell.key], "recalibrated")))
        by_cell.sort(key=lambda own: own[0].scores[4].value if own[0].scores[4] else np.inf)
        return [row for own in by_cell for row in own]

    drawn = rows(found.cells)
    several = len((*found.cells, *found.floors)[0].classes) > 2
    notes = [
        "Slope and intercept are from a logistic regression of the outcome on the logit of its probability: 1 and 0 if "
        "perfect. With a slope below 1 the probabilities are too extreme. Intercept (slope 1): above 0 if "
        "probabilities are too low on average.",
        "ECE: expected calibration error over 10 bins of equal mass."
        + (" Row all: ECE of the most probable class, log loss and Brier over all classes." if several else ""),
        "Numbers are means over repeats, each of which pools its folds. They have no intervals.",
        "Slope and intercepts are empty where probabilities do not differ within a fold (prior), or where there is no "
        "finite solution.",
        *common_notes(run, target),
    ]
    if undone:
        notes.insert(0, UNDONE)
    whole = [i for i, row in enumerate(drawn) if not several or row.labels[-1] == "all"]
    columns = [[drawn[i].scores[j] for i in whole] for j in (3, 4, 5)]
    return Sheet(
        target=target,
        title=f"Calibration of {target}: {run.dataset}, run {run.name}",
        labels=(*axes, "Probabilities", "Class") if undone else (*axes, "Class"),
        headers=HEADERS,
        extras=(),
        rows=tuple(drawn),
        floors=tuple(rows(found.floors)),
        best=frozenset((whole[i], j + 3) for i, j in best_places(columns, [True] * 3)),
        notes=tuple(notes),
    )


def _rows(cell: RunCell, predictions: Predictions, labels: tuple[str, ...]) -> list[Row]:
    n_classes = len(cell.classes)
    if n_classes == 2:
        return [Row((*labels, cell.classes[1]), _scores(predictions, 1))]
    everything = (
        None,
        None,
        None,
        _mean(predictions, statistics.error_of_most_probable),
        _mean(predictions, LOG_LOSS),
        _mean(predictions, BRIER),
    )
    classes = [Row((*labels, name), _scores(predictions, k)) for k, name in enumerate(cell.classes)]
    return [Row((*labels, "all"), everything), *classes]


def _scores(predictions: Predictions, k: int) -> tuple[Score | None, ...]:
    """The scores of class k against the rest."""

    def binary(y: Int64, P: Float64) -> tuple[Int64, Float64]:
        return (y == k).astype(np.int64), np.column_stack([1 - P[:, k], P[:, k]])

    lines: tuple[Score | None, ...] = (None, None, None)
    if _differ_within_folds(predictions, k):
        lines = (
            _mean(predictions, lambda y, P: statistics.line(y == k, P[:, k]).slope),
            _mean(predictions, lambda y, P: statistics.line(y == k, P[:, k]).intercept, signed=True),
            _mean(predictions, lambda y, P: statistics.intercept_in_the_large(y == k, P[:, k]), signed=True),
        )
    return (
        *lines,
        _mean(predictions, lambda y, P: statistics.expected_error(y == k, P[:, k])),
        _mean(predictions, lambda y, P: LOG_LOSS(*binary(y, P))),
        _mean(predictions, lambda y, P: BRIER(*binary(y, P))),
    )


def _mean(p: Predictions, of: Callable[[Int64, Float64], float], *, signed: bool = False) -> Score | None:
    """The mean over repeats; None if it is undefined in one of them."""
    values = [of(p.y[p.repeat == r], p.P[p.repeat == r]) for r in np.unique(p.repeat)]
    return Score(float(np.mean(values)), signed=signed, decimals=3) if np.isfinite(values).all() else None


def _differ_within_folds(p: Predictions, k: int) -> bool:
    blocks = {(r, f) for r, f in zip(p.repeat.tolist(), p.fold.tolist(), strict=True)}
    return any(np.ptp(p.P[(p.repeat == r) & (p.fold == f), k]) > 1e-12 for r, f in blocks)


PRESET = Preset(
    "Calibration slope, intercept and error, log loss and Brier of every cell.", calibration_sheets, order=50
)
