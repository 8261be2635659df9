"""The scores of the cells of one target, all from one bootstrap over patients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from results import ResultsError
from results.run_folder import Predictions, Run, RunCell
from results.scores.alignment import Alignment
from results.scores.fitness import unfit
from results.scores.named import floor_for, the_cell
from results.scores.records import Record
from results.scores.refits import refit_intervals
from results.statistics.bootstrap import PatientBootstrap, PredictedRows, interval
from results.statistics.evaluate import evaluate
from results.statistics.metrics import METRICS
from results.statistics.metrics.auc import METRIC as AUC
from results.statistics.metrics.auc_within_location import METRIC as AUC_WITHIN_LOCATION
from results.statistics.metrics.base import Metric
from results.statistics.selection import selection_corrected

Float64 = NDArray[np.float64]

EXPLORATORY = 20
"""Patients of the rarest class below which a target is exploratory: no p-values."""


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
        ResultsError: A class is in too few patients to be drawn, or `against` names no cell or several.
    """
    done = [cell for cell in cells if cell.status == "done"]
    if not done:
        return {cell.key: _about(run, cell) for cell in cells}
    predictions = {cell.key: run.predictions(cell) for cell in done}
    alignment = Alignment(predictions, n_classes=len(cells[0].classes), places=run.places)
    over = {head: {c.key: f.key for c in done if (f := floor_for(c, done, head))} for head in run.floors}
    others = {"gain": over.get(run.location, {}), "gain_pixels": over.get(run.pixels, {})}
    if against is not None:
        others["gain"] = dict.fromkeys([cell.key for cell in done], the_cell(done, against).key)
    for each in (*others.values(), *over.values()):
        for key, other in each.items():
            alignment.shared(key, other)
    try:
        bootstrap = PatientBootstrap(alignment.n_patients, alignment.all_rows(), resamples=resamples, seed=seed)
    except ValueError as error:
        raise ResultsError(f"target {cells[0].target}: {error}") from None
    used = [name for name in metrics if not unfit(run, cells[0].target, name)]
    gains, rows = _Gains(alignment, predictions, bootstrap), {}
    drawn: dict[str, dict[str, Float64]] = {name: {} for name in used}
    for cell in cells:
        row = rows[cell.key] = _about(run, cell)
        if cell.status != "done":
            continue
        row |= _about_rows(alignment.rows[cell.key]) | {"redrawn": bootstrap.redrawn}
        for name in used:
            P = predictions[cell.key].scored_by(METRICS[name])
            draws = bootstrap.draws(METRICS[name], alignment.rows[cell.key], P)
            row |= _metric(name, alignment.rows[cell.key], P, draws)
            if name == "auc":
                gains.found[cell.key, alignment.rows[cell.key]] = row["auc"], draws
            if not cell.floor:
                drawn[name][cell.key] = draws
        if "auc" in used:
            for name, each in others.items():
                if cell.key in each:
                    row |= gains.over(each[cell.key], cell.key, name)
            if resamples and not cell.floor:
                row["floors_beaten"] = _beaten(gains, cell.key, over)
            row |= _null(run, cell, row)
        row |= refit_intervals(run, cell, {name: row[name] for name in used})
    if "auc" in used:
        _correct_best(rows, drawn["auc"], alignment, predictions, bootstrap)
    for name in used:
        for key, tied in _ties(METRICS[name], name, rows, drawn[name], alignment.rows).items():
            rows[key][f"{name}_tied"] = tied
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


def _metric(name: str, rows: PredictedRows, P: Float64, draws: Float64) -> Record:
    metric = METRICS[name]
    estimate = evaluate(metric, rows.y, P, repeat=rows.repeat, fold=rows.fold, within=rows.within)
    low, high = interval(draws)
    return {
        name: estimate.value,
        f"{name}_low": low,
        f"{name}_high": high,
        f"{name}_fold_mean": estimate.fold_mean,
        f"{name}_fold_sd": estimate.fold_sd,
        f"{name}_repeat_sd": estimate.repeat_sd,
    }


class _Gains:
    """Gains in AUC over another cell on the samples that both predict; each AUC is computed once per set of samples."""

    def __init__(self, alignment: Alignment, predictions: dict[str, Predictions], bootstrap: PatientBootstrap) -> None:
        self.alignment, self.predictions, self.bootstrap = alignment, predictions, bootstrap
        self.found: dict[tuple[str, PredictedRows], tuple[float, Float64]] = {}

    def over(self, other: str, key: str, name: str) -> Record:
        """The gain of a cell over another, by a name, with its interval."""
        rows, mine, theirs = self.alignment.shared(key, other)
        if len(rows.y) == 0:
            return {}
        value, draws = self._auc(key, rows, mine)
        other_value, other_draws = self._auc(other, rows, theirs)
        low, high = interval(draws - other_draws)
        return {name: value - other_value, f"{name}_low": low, f"{name}_high": high}

    def _auc(self, key: str, rows: PredictedRows, taken: NDArray[np.int64]) -> tuple[float, Float64]:
        if (key, rows) not in self.found:
            P = self.predictions[key].P[taken]
            value = evaluate(AUC, rows.y, P, repeat=rows.repeat, fold=rows.fold).value
            self.found[key, rows] = value, self.bootstrap.draws(AUC, rows, P)
        return self.found[key, rows]


def _beaten(gains: _Gains, key: str, over: Mapping[str, Mapping[str, str]]) -> str:
    """The floors over which the interval of a cell's gain in AUC lies above 0, between commas."""
    found = {head: gains.over(each[key], key, "gain") for head, each in over.items() if key in each}
    return ", ".join(head for head, gain in found.items() if gain.get("gain_low", 0) > 0)


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


def _correct_best(
    rows: Mapping[str, Record],
    draws: Mapping[str, Float64],
    alignment: Alignment,
    predictions: Mapping[str, Predictions],
    bootstrap: PatientBootstrap,
) -> None:
    """Adds `auc_corrected` to the best cell: its AUC, corrected for being chosen among the cells on its samples."""
    values = {key: rows[key]["auc"] for key in draws if np.isfinite(rows[key]["auc"])}
    if not values or not len(bootstrap.counts):
        return
    best = max(values, key=lambda key: values[key])
    same = [key for key in values if alignment.rows[key] is alignment.rows[best]]
    found = selection_corrected(bootstrap, AUC, alignment.rows[best], [predictions[key].P for key in same])
    rows[best].update(
        auc_corrected=found.value,
        auc_corrected_low=found.low,
        auc_corrected_high=found.high,
        auc_corrected_among=len(same),
    )


def _ties(
    metric: Metric,
    name: str,
    rows: Mapping[str, Record],
    draws: Mapping[str, Float64],
    predicted: Mapping[str, PredictedRows],
) -> dict[str, bool]:
    """Whether the paired interval of the difference from the best covers 0, for each cell on the best's samples."""
    values = {key: rows[key][name] for key in draws if np.isfinite(rows[key][name])}
    if not values:
        return {}
    best = (min if metric.lower_is_better else max)(values, key=lambda key: values[key])
    found = {}
    for key in values:
        if predicted[key] is predicted[best] and key != best:
            low, high = interval(draws[key] - draws[best])
            found[key] = bool(low <= 0 <= high)
    return found
