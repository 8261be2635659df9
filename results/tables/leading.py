"""The cells of a target, best first, and their names: what the smaller tables of a run have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from results.run_folder import Cell, Predictions, ResultsError, Run
from results.scores.alignment import Alignment
from results.scores.labels import shorten
from results.statistics.bootstrap import PatientBootstrap, Rows, interval
from results.statistics.metrics import OfCounts, OfPairs, OfRows, auc, evaluate
from results.tables.formats import Score


@dataclass(frozen=True)
class Leading:
    """The done cells of one target.

    Args:
        cells: Best AUC first.
        floors: In the order of the run.
        predictions: Of all of them, by key.
    """

    cells: tuple[Cell, ...]
    floors: tuple[Cell, ...]
    predictions: dict[str, Predictions]


def leading(run: Run, target: str, top: int | None = None) -> Leading:
    """The `top` cells of a target by AUC (all if None), and its floors.

    Beside a part of the cells, floors are those on the same sequences and drop, where a floor has such.

    Raises:
        ResultsError: The run folder does not hold what it should.
    """
    done = [cell for cell in run.cells if cell.target == target and cell.status == "done"]
    predictions = {cell.key: run.predictions(cell) for cell in done}
    value = {key: evaluate(auc, p.y, p.P, repeat=p.repeat, fold=p.fold).value for key, p in predictions.items()}
    cells = [cell for cell in done if not cell.floor]
    cells.sort(key=lambda cell: -np.nan_to_num(value[cell.key], nan=-1))
    floors = [cell for cell in done if cell.floor]
    if top is not None:
        shown = {_inputs(cell) for cell in cells[:top]}
        matched = {floor.head for floor in floors if _inputs(floor) in shown}
        floors = [floor for floor in floors if _inputs(floor) in shown or floor.head not in matched]
    kept = [*cells[:top], *floors]
    return Leading(tuple(cells[:top]), tuple(floors), {cell.key: predictions[cell.key] for cell in kept})


def names(run: Run) -> tuple[list[str], dict[str, tuple[str, ...]]]:
    """The axes that tell the cells of a run apart, and for each key its short labels on them.

    Heads are marked `(tuned)` or `(default)` where a run has both.
    """
    cells = [cell for cell in run.cells if not cell.floor]
    axes = [axis for axis in run.axes if axis == "heads" or len({cell.axes.get(axis) for cell in cells}) > 1]
    mixed = len({cell.tuned for cell in cells}) > 1
    short = {axis: shorten(_label(cell, axis, mixed) for cell in cells) for axis in axes}
    labels = {}
    for cell in run.cells:
        drawn = [_label(cell, axis, mixed and not cell.floor) for axis in axes]
        labels[cell.key] = tuple(short[axis].get(label, label) for axis, label in zip(axes, drawn, strict=True))
    return axes, labels


def common_notes(run: Run, target: str, *, resamples: int = 0, redrawn: int = 0) -> list[str]:
    """Whether heads are tuned, what is not in the table, and what intervals cover."""
    cells = [cell for cell in run.cells if cell.target == target]
    tuned = {cell.tuned for cell in cells if not cell.floor}
    notes = []
    if len(tuned) == 1:
        notes.append("All heads are tuned on inner folds." if tuned.pop() else "All heads are default (not tuned).")
    undone = sum(cell.status != "done" for cell in cells)
    if undone:
        notes.append(f"{undone} of {len(cells)} cells are not done and not in this table.")
    if not run.patients_known:
        notes.append("The source gives no patient ids: each sample counts as a patient.")
    if resamples:
        again = f"; {redrawn} draws lacked a class and were drawn again" if redrawn else ""
        notes.append(
            f"[ ]: 95 % percentile bootstrap over patients ({resamples} resamples{again}), conditional on the fitted "
            "models: it covers the sampling of patients, not of training sets."
        )
    return notes


def bootstrap_of(alignment: Alignment, about: str, *, resamples: int, seed: int = 0) -> PatientBootstrap:
    """Resamples of the patients of an alignment, shared by all of its cells.

    Raises:
        ResultsError: A class is in so few patients that hardly any draw holds it; the message begins with `about`.
    """
    try:
        return PatientBootstrap(alignment.n_patients, alignment.all_rows(), resamples=resamples, seed=seed)
    except ValueError as error:
        raise ResultsError(f"{about}: {error}") from None


def score(
    metric: OfCounts | OfRows | OfPairs, rows: Rows, predictions: Predictions, bootstrap: PatientBootstrap | None
) -> Score | None:
    """The primary value of a metric with its interval; None where it is undefined, without ends if no bootstrap."""
    P = predictions.scored_by(metric)
    value = evaluate(metric, rows.y, P, repeat=rows.repeat, fold=rows.fold, within=rows.within).value
    if not np.isfinite(value):
        return None
    if bootstrap is None:
        return Score(value)
    low, high = interval(bootstrap.draws(metric, rows, P))
    return Score(value, low, high) if np.isfinite(low) else Score(value)


def best_places(
    columns: Sequence[Sequence[Score | None]], lower_is_better: Sequence[bool]
) -> frozenset[tuple[int, int]]:
    """`(row, column)` of the best score of each column that has several."""
    best = set()
    for j, (column, lower) in enumerate(zip(columns, lower_is_better, strict=True)):
        scored = [(found.value if lower else -found.value, i) for i, found in enumerate(column) if found is not None]
        if len(scored) > 1:
            best.add((min(scored)[1], j))
    return frozenset(best)


def _inputs(cell: Cell) -> tuple[str | None, str | None]:
    return cell.axes.get("sequences"), cell.axes.get("drop")


def _label(cell: Cell, axis: str, mark: bool) -> str:
    label = cell.axes.get(axis, "none")
    if axis == "heads" and mark:
        return f"{label} ({'tuned' if cell.tuned else 'default'})"
    return "" if cell.floor and label in ("none", "-") else label
