"""What the smaller tables of a run share: the cells of a target, best first, their names, scores and notes."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from results.inner_splits import listed
from results.run_folder import Predictions, Run, RunCell
from results.scores import reconstruction
from results.scores.labels import shorten
from results.scores.named import floor_for
from results.scores.records import Record, is_number
from results.statistics.bootstrap import FEWEST, PatientBootstrap, PredictedRows
from results.statistics.evaluate import evaluate
from results.statistics.metrics.auc import METRIC as AUC
from results.statistics.metrics.base import AnyMetric
from results.statistics.uncertainty import interval, patients, standard_error
from results.tables import notes
from results.tables.columns import GAINS, columns
from results.tables.formats import Score
from results.tables.intervals import covers


@dataclass(frozen=True)
class Leading:
    """The done cells of one target.

    Args:
        cells: Best AUC first.
        floors: In the order of the run.
        predictions: The predictions of all of them, by key.
    """

    cells: tuple[RunCell, ...]
    floors: tuple[RunCell, ...]
    predictions: dict[str, Predictions]


def leading(run: Run, target: str, top: int | None = None) -> Leading:
    """The `top` cells of a target by AUC (None: all), and its floors.

    If only some cells are shown, so are only the floors that these are compared with: none that reads other sequences.

    Raises:
        ResultsError: A broken run folder.
    """
    done = [cell for cell in run.cells if cell.target == target and cell.status == "done"]
    predictions = {cell.key: run.predictions(cell) for cell in done}
    value = {key: evaluate(AUC, p.y, p.P, repeat=p.repeat, fold=p.fold).value for key, p in predictions.items()}
    cells = [cell for cell in done if not cell.floor]
    cells.sort(key=lambda cell: -np.nan_to_num(value[cell.key], nan=-1))
    floors = [cell for cell in done if cell.floor]
    if top is not None and cells:
        heads = {floor.head for floor in floors}
        own = {one.key for cell in cells[:top] for head in heads if (one := floor_for(cell, floors, head)) is not None}
        floors = [floor for floor in floors if floor.key in own]
    kept = [*cells[:top], *floors]
    return Leading(tuple(cells[:top]), tuple(floors), {cell.key: predictions[cell.key] for cell in kept})


def names(run: Run) -> tuple[list[str], dict[str, tuple[str, ...]]]:
    """The axes on which the cells of a run differ, and the short labels of each cell on them, by its key.

    Heads are marked `(tuned)` or `(default)` if the run has both, and encoders if they collapsed.
    """
    cells = [cell for cell in run.cells if not cell.floor]
    axes = [axis for axis in run.axes if axis == "heads" or len({cell.axes.get(axis) for cell in cells}) > 1]
    mixed = len({cell.tuned for cell in cells}) > 1
    short = {axis: shorten(_label(cell, axis, mixed) for cell in cells) for axis in axes}
    labels = {}
    failed = reconstruction.collapsed(run)
    for cell in run.cells:
        drawn = [_label(cell, axis, mixed and not cell.floor) for axis in axes]
        shown = [short[axis].get(label, label) for axis, label in zip(axes, drawn, strict=True)]
        labels[cell.key] = reconstruction.marked(shown, axes, [cell.key], failed)
    return axes, labels


def common_notes(run: Run, target: str, *, resamples: int = 0, left_out: int = 0) -> list[str]:
    """Notes on tuning, on cells that are not in the table, and on intervals."""
    cells = [cell for cell in run.cells if cell.target == target]
    found = notes.settings(run, {cell.tuned for cell in cells if not cell.floor})
    own = [cell for cell in cells if not cell.floor]
    undone = Counter(cell.status for cell in own if cell.status != "done")
    if undone:
        states = listed([f"{n} {'is' if n == 1 else 'are'} {status}" for status, n in undone.items()])
        found.append(f"{sum(undone.values())} of {len(own)} cells are not in this table: {states}.")
    if not run.patients_known:
        found.append("The source gives no patient ids: each sample counts as a patient.")
    done = next((cell for cell in cells if cell.status == "done"), None)
    if resamples and done is not None and len(np.unique(run.predictions(done).patient)) >= FEWEST:
        found.append(covers(run, resamples, left_out, rows=""))
    return [*found, *reconstruction.notes(run, [cell.key for cell in cells])]


def few_notes(rates: Iterable[AnyMetric], rows: Iterable[PredictedRows]) -> list[str]:
    """A sentence on rates of too few patients for an interval, if there are any."""
    if all(patients(metric, one) >= FEWEST for metric, one in itertools.product(rates, rows)):
        return []
    return [
        f"A rate of fewer than {FEWEST} patients has no interval, nor has an AUC or a predictive value that needs it."
    ]


def score(
    metric: AnyMetric, rows: PredictedRows, predictions: Predictions, bootstrap: PatientBootstrap | None
) -> Score | None:
    """The primary value of a metric, with its interval if there is a bootstrap; None where it is undefined."""
    P = predictions.scored_by(metric)
    value = evaluate(metric, rows.y, P, repeat=rows.repeat, fold=rows.fold, within=rows.within).value
    if not np.isfinite(value):
        return None
    n = int((rows.repeat == rows.repeat[0]).sum())
    if bootstrap is None:
        return Score(value, n=n)
    low, high = interval(metric, rows, value, standard_error(metric, rows, bootstrap.by_repeat(metric, rows, P)))
    return Score(value, low, high, n=n)


def stored_score(record: Record | None, name: str) -> Score | None:
    """A metric of a row of the table of scores; None without a row or a value."""
    if record is None or not is_number(record[name]):
        return None
    ends = record[f"{name}_low"], record[f"{name}_high"]
    low, high = ends if is_number(ends[0]) else (None, None)
    n = int(record["n_samples"])
    return Score(record[name], low, high, signed=name in GAINS, decimals=columns()[name].decimals, n=n)


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


def _label(cell: RunCell, axis: str, mark: bool) -> str:
    label = cell.axes.get(axis, "none")
    if axis == "heads" and mark:
        return f"{label} ({'tuned' if cell.tuned else 'default'})"
    return "" if cell.floor and label == "none" else label
