"""Calibration of every cell of a run: slope, intercept, expected error, log loss and Brier."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from results.run_folder import Cell, Predictions, Run
from results.statistics import calibration as statistics
from results.statistics.metrics import brier, log_loss
from results.tables import formats
from results.tables.formats import Row, Score, Sheet
from results.tables.leading import best_places, common_notes, leading, names

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]

HEADERS = ("Slope", "Intercept", "Intercept\n(slope 1)", "ECE", "Log loss", "Brier")
UNDONE = (
    "Weighted or resampled training rows have another base rate than the scans, so cells fitted on them stand twice: "
    "as fitted, and recalibrated by a sigmoid learnt on real held-out rows of inner folds. A head that calibrates "
    "anyway stands once."
)


def calibration(run: Run) -> str:
    """The sheets of `calibration_sheets` as plain text."""
    return "\n\n".join(formats.text(sheet) for sheet in calibration_sheets(run))


def calibration_sheets(run: Run) -> list[Sheet]:
    """A sheet a target: every cell and floor, best log loss first; means over repeats, which pool their folds.

    With two classes a cell has one row, of class 1. With more it has a row for all, whose expected error is that of the
    most probable class, and one for each class against the rest. Slope and intercepts are empty where the probabilities
    do not differ inside a fold, and where they have no finite solution in some repeat.

    Raises:
        ResultsError: The run folder does not hold what it should.
    """
    sheets = [_sheet(run, target) for target in run.targets]
    return [sheet for sheet in sheets if sheet is not None]


def _sheet(run: Run, target: str) -> Sheet | None:
    found = leading(run, target)
    if not found.predictions:
        return None
    axes, labels = names(run)

    undone = any(p.recalibrated is not None for p in found.predictions.values())

    def rows(cells: tuple[Cell, ...]) -> list[Row]:
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
        "Logistic regression of the outcome on the logit of its probability: slope 1 and intercept 0 if perfect; a "
        "slope below 1 means too extreme. Intercept (slope 1): above 0 where probabilities are too low on the whole.",
        "ECE: expected calibration error over 10 bins of equal mass."
        + (" Row all: that of the most probable class, and log loss and Brier over all classes." if several else ""),
        "Means over repeats, each of which pools its folds; point estimates without intervals.",
        "Slope and intercepts are empty where probabilities do not differ inside a fold (prior), or where no finite "
        "one exists.",
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


def _rows(cell: Cell, predictions: Predictions, labels: tuple[str, ...]) -> list[Row]:
    n_classes = len(cell.classes)
    if n_classes == 2:
        return [Row((*labels, cell.classes[1]), _scores(predictions, 1))]
    everything = (
        None,
        None,
        None,
        _mean(predictions, statistics.error_of_most_probable),
        _mean(predictions, log_loss),
        _mean(predictions, brier),
    )
    classes = [Row((*labels, name), _scores(predictions, k)) for k, name in enumerate(cell.classes)]
    return [Row((*labels, "all"), everything), *classes]


def _scores(predictions: Predictions, k: int) -> tuple[Score | None, ...]:
    """The scores of class k against the rest."""

    def binary(y: Int64, P: Float64) -> tuple[Int64, Float64]:
        return (y == k).astype(np.int64), np.column_stack([1 - P[:, k], P[:, k]])

    lines: tuple[Score | None, ...] = (None, None, None)
    if _differ_inside_folds(predictions, k):
        lines = (
            _mean(predictions, lambda y, P: statistics.line(y == k, P[:, k]).slope),
            _mean(predictions, lambda y, P: statistics.line(y == k, P[:, k]).intercept, signed=True),
            _mean(predictions, lambda y, P: statistics.intercept_in_the_large(y == k, P[:, k]), signed=True),
        )
    return (
        *lines,
        _mean(predictions, lambda y, P: statistics.expected_error(y == k, P[:, k])),
        _mean(predictions, lambda y, P: log_loss(*binary(y, P))),
        _mean(predictions, lambda y, P: brier(*binary(y, P))),
    )


def _mean(p: Predictions, of: Callable[[Int64, Float64], float], *, signed: bool = False) -> Score | None:
    """The mean over repeats; None where one of them has none."""
    values = [of(p.y[p.repeat == r], p.P[p.repeat == r]) for r in np.unique(p.repeat)]
    return Score(float(np.mean(values)), signed=signed, decimals=3) if np.isfinite(values).all() else None


def _differ_inside_folds(p: Predictions, k: int) -> bool:
    blocks = {(r, f) for r, f in zip(p.repeat.tolist(), p.fold.tolist(), strict=True)}
    return any(np.ptp(p.P[(p.repeat == r) & (p.fold == f), k]) > 1e-12 for r, f in blocks)
