"""The scores of the cells of one target, all from one bootstrap over patients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from results.run_folder import Run, RunCell
from results.scores.alignment import Alignment, aligned
from results.scores.choice import EXPLORATORY, beaten_floors, correct_best, first_alike, in_best_set
from results.scores.fitness import unfit
from results.scores.named import floor_for, the_cell
from results.scores.records import Record
from results.scores.refits import refit_intervals
from results.scores.scored_cells import ScoredCells
from results.statistics.bootstrap import PatientBootstrap, PredictedRows
from results.statistics.evaluate import evaluate
from results.statistics.metrics.auc import METRIC as AUC
from results.statistics.metrics.auc_within_location import METRIC as AUC_WITHIN_LOCATION

Float64 = NDArray[np.float64]


def score_target(
    run: Run, cells: list[RunCell], metrics: list[str], resamples: int, seed: int, against: Mapping[str, str] | None
) -> dict[str, Record]:
    """A record for each cell of a target, by its key.

    Args:
        run: The run.
        cells: The cells of one target.
        metrics: Names in `METRICS`; those that mean nothing for the target are left out.
        resamples: Draws of the bootstrap.
        seed: The seed of the draws.
        against: Axes with the steps of the cell that gains are over; None: `run.location`.

    Raises:
        ResultsError: `against` names no cell or several.
    """
    done = [cell for cell in cells if cell.status == "done"]
    if not done:
        return {cell.key: _about(run, cell) for cell in cells}
    predictions = {cell.key: run.predictions(cell) for cell in done}
    alignment = aligned(run, cells[0].target, predictions)
    over = {head: {c.key: f.key for c in done if (f := floor_for(c, done, head))} for head in run.floors}
    others = {"gain": over.get(run.location, {}), "gain_pixels": over.get(run.pixels, {})}
    if against is not None:
        others["gain"] = dict.fromkeys([cell.key for cell in done], the_cell(done, against).key)
    bootstrap = PatientBootstrap(alignment.n_patients, resamples=resamples, seed=seed)
    used = [name for name in metrics if not unfit(run, cells[0].target, name)]
    scored, rows = ScoredCells(alignment, predictions, bootstrap), {}
    drawn: dict[str, dict[str, Float64]] = {name: {} for name in used}
    for cell in cells:
        row = rows[cell.key] = _about(run, cell)
        if cell.status != "done":
            continue
        row |= _about_rows(alignment.rows[cell.key])
        row["draws_left_out"] = bootstrap.left_out(alignment.rows[cell.key]) if resamples else 0
        for name, draws in scored.score(row, cell.key, used).items():
            if not cell.floor:
                drawn[name][cell.key] = draws
        if "auc" in used:
            for name, each in others.items():
                if cell.key in each:
                    row |= scored.over(each[cell.key], cell.key, name)
            row |= _null(run, cell, row)
        row |= refit_intervals(run, cell, {name: row[name] for name in used})
    for floor in (False, True):  # a cell that predicts what a floor does is a cell all the same
        own = {cell.key: predictions[cell.key] for cell in cells if cell.floor == floor and cell.key in predictions}
        for key, first in first_alike(alignment.rows, own).items():
            rows[key]["alike"] = first
    if "auc" in used:
        correct_best(rows, drawn["auc"], scored)
        if resamples:
            testable = [key for key in drawn["auc"] if rows[key]["rarest_class_patients"] >= EXPLORATORY]
            for key, beaten in beaten_floors(scored, testable, over, alignment.n_patients).items():
                rows[key]["floors_beaten"] = ", ".join(beaten)
                rows[key]["floors_over"] = ", ".join(head for head, of in over.items() if key in of)
    if resamples:
        for name in used:
            for key, kept in in_best_set(name, rows, drawn[name], alignment.rows).items():
                rows[key][f"{name}_in_best_set"] = kept
    return rows


def described(run: Run, cells: Sequence[RunCell], alignment: Alignment) -> list[Record]:
    """The columns of the table of scores that are no scores: steps and state of the cells, counts of their samples."""
    return [
        _about(run, cell) | (_about_rows(alignment.rows[cell.key]) if cell.status == "done" else {}) for cell in cells
    ]


def _about(run: Run, cell: RunCell) -> Record:
    names = ("key", "target", "floor", "status", "reason", "tuned", "seconds")
    about = {name: getattr(cell, name) for name in names}
    axes = {axis: cell.axes.get(axis, "none") for axis in run.axes}
    return {"key": about.pop("key"), "target": about.pop("target"), **axes, **about}


def _about_rows(rows: PredictedRows) -> Record:
    once = rows.repeat == rows.repeat[0]
    carriers = [len(np.unique(rows.patient[rows.y == k])) for k in range(rows.n_classes)]
    lacking = [len(np.unique(rows.y[block])) < len(np.unique(rows.y)) for _, block in rows.blocks]
    return {
        "n_patients": len(np.unique(rows.patient)),
        "n_samples": int(once.sum()),
        "n_events": "/".join(map(str, np.bincount(rows.y[once], minlength=rows.n_classes))),
        "rarest_class_patients": min(carriers),
        "folds_left_out": sum(lacking),
    }


def _null(run: Run, cell: RunCell, row: Record) -> Record:
    """Scores of the cell's null runs. Within place their AUC is .5 unless something leaks, whatever places tell."""
    found = []
    for p in run.null(cell):
        names = [run.places.get(str(sample), "") for sample in p.sample]
        place = np.unique(np.array(names, dtype=str), return_inverse=True)[1].astype(np.int64)
        parts = {"repeat": p.repeat, "fold": p.fold}
        of_pairs = (evaluate(one, p.y, p.P, within=place, **parts).value for one in (AUC, AUC_WITHIN_LOCATION))
        found.append(tuple(of_pairs))
    if not found:
        return {}
    values, inside = np.array(found).T
    return {
        "null_within_auc": float(inside.mean()),
        "null_within_sd": float(inside.std(ddof=1)) if len(inside) > 1 else float("nan"),
        "null_auc": float(values.mean()),
        "null_sd": float(values.std(ddof=1)) if len(values) > 1 else float("nan"),
        "null_runs": len(values),
        "p_value": (1 + int((values >= row["auc"]).sum())) / (len(values) + 1)
        if row["rarest_class_patients"] >= EXPLORATORY
        else float("nan"),
    }
