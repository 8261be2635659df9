"""The scores of the cells of one target, all from one bootstrap over patients."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from results.run_folder import Predictions, Run, RunCell
from results.scores.alignment import Alignment, aligned
from results.scores.fitness import unfit
from results.scores.named import floor_for, the_cell
from results.scores.paired import stepped_down
from results.scores.records import Record
from results.scores.refits import refit_intervals
from results.statistics.best_set import LEVEL, best_set
from results.statistics.bootstrap import PatientBootstrap, PredictedRows
from results.statistics.evaluate import evaluate
from results.statistics.metrics import METRICS
from results.statistics.metrics.auc import METRIC as AUC
from results.statistics.metrics.auc_within_location import METRIC as AUC_WITHIN_LOCATION
from results.statistics.nested import chosen_elsewhere
from results.statistics.selection import selection_corrected
from results.statistics.uncertainty import Difference, difference, interval, standard_error

Float64 = NDArray[np.float64]

CHOSEN = "chosen"
"""The key of the record of the cell that is chosen in each fold by the others."""

EXPLORATORY = 20
"""Patients of the rarest class below which a target is exploratory: no p-values."""


def score_target(
    run: Run, cells: list[RunCell], metrics: list[str], resamples: int, seed: int, against: Mapping[str, str] | None
) -> dict[str, Record]:
    """A record for each cell of a target, by its key, and one for the choice among them (`CHOSEN`), if there is any.

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
    gains, rows = _Gains(alignment, predictions, bootstrap), {}
    drawn: dict[str, dict[str, Float64]] = {name: {} for name in used}
    for cell in cells:
        row = rows[cell.key] = _about(run, cell)
        if cell.status != "done":
            continue
        row |= _about_rows(alignment.rows[cell.key])
        row["draws_left_out"] = bootstrap.left_out(alignment.rows[cell.key]) if resamples else 0
        for name, draws in gains.score(row, cell.key, used).items():
            if not cell.floor:
                drawn[name][cell.key] = draws
        if "auc" in used:
            for name, each in others.items():
                if cell.key in each:
                    row |= gains.over(each[cell.key], cell.key, name)
            row |= _null(run, cell, row)
        row |= refit_intervals(run, cell, {name: row[name] for name in used})
    if "auc" in used:
        _correct_best(rows, drawn["auc"], alignment, predictions, bootstrap)
        if (choice := _choose_elsewhere(rows, drawn["auc"], gains)) is not None:
            best, row = choice
            gains.score(row, CHOSEN, used)
            for name, each in others.items():
                if best in each:
                    row |= gains.over(each[best], CHOSEN, name)
            rows[CHOSEN] = row
        if resamples:
            testable = [key for key in drawn["auc"] if rows[key]["rarest_class_patients"] >= EXPLORATORY]
            for key, beaten in _beaten(gains, testable, over, alignment.n_patients).items():
                rows[key]["floors_beaten"] = ", ".join(beaten)
    if resamples:
        for name in used:
            for key, kept in _in_best_set(name, rows, drawn[name], alignment.rows).items():
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


class _Gains:
    """Gains in AUC over another cell on the samples that both predict; each AUC is computed once per set of samples."""

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


def _beaten(
    gains: _Gains, cells: Sequence[str], over: Mapping[str, Mapping[str, str]], n_patients: int
) -> dict[str, list[str]]:
    """The floors that each cell beats, by its key: those over which its gain in AUC is shown to lie above 0.

    The p-values over each floor are adjusted for the number of cells. A cell that beats each of the floors beats them
    all, without another correction (intersection-union).
    """
    beaten: dict[str, list[str]] = {key: [] for key in cells}
    for head, each in over.items():
        found = {key: gain for key in cells if key in each and (gain := gains.difference(each[key], key)) is not None}
        tested = {key: (gain, draws) for key, (gain, draws) in found.items() if np.isfinite(gain.value + gain.error)}
        if not tested:
            continue
        p = stepped_down([gain for gain, _ in tested.values()], [draws for _, draws in tested.values()], n_patients)
        for (key, (one, _)), adjusted in zip(tested.items(), p, strict=True):
            if one.value > 0 and adjusted <= LEVEL:
                beaten[key].append(head)
    return beaten


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


def _choose_elsewhere(rows: Mapping[str, Record], cells: Collection[str], gains: _Gains) -> tuple[str, Record] | None:
    """The record of the cell that is chosen in each fold by the others, with the key of the best cell.

    Its predictions are joined to those of `gains`. None if there is no choice: one cell, or one fold.
    """
    values = {key: rows[key]["auc"] for key in cells if np.isfinite(rows[key]["auc"])}
    if len(values) < 2:
        return None
    best = max(values, key=lambda key: values[key])
    own = gains.alignment.rows[best]
    same = [key for key in values if gains.alignment.rows[key] is own]
    if len(same) < 2 or own.folds < 2:
        return None
    taken = chosen_elsewhere(AUC, own, [gains.predictions[key].P for key in same])
    at = np.arange(len(taken))
    of = gains.predictions[best]
    called = None
    if of.called is not None:
        called = np.stack([gains.predictions[key].calls for key in same])[taken, at]
    P = np.stack([gains.predictions[key].P for key in same])[taken, at]
    gains.predictions[CHOSEN] = replace(of, P=P, called=called, recalibrated=None)
    gains.alignment.rows[CHOSEN] = own
    often = np.bincount(taken, minlength=len(same))
    blocks = [int(taken[block[0]]) for _, block in own.blocks]
    return best, {
        "among": len(same),
        "folds": len(blocks),
        "most": same[int(often.argmax())],
        "times": int(np.bincount(blocks, minlength=len(same))[int(often.argmax())]),
    }


def _in_best_set(
    name: str,
    rows: Mapping[str, Record],
    draws: Mapping[str, Float64],
    predicted: Mapping[str, PredictedRows],
) -> dict[str, bool]:
    """Whether each cell on the best's samples may be the best (`best_set`), by key; all may if it is exploratory."""
    metric = METRICS[name]
    values = {key: rows[key][name] for key in draws if np.isfinite(rows[key][name])}
    if not values:
        return {}
    best = (min if metric.lower_is_better else max)(values, key=lambda key: values[key])
    same = [key for key in values if predicted[key] is predicted[best]]
    if rows[best]["rarest_class_patients"] < EXPLORATORY:
        return dict.fromkeys(same, True)
    kept = best_set(
        metric, predicted[best], np.array([values[key] for key in same]), np.stack([draws[key] for key in same])
    )
    return dict(zip(same, map(bool, kept), strict=True))
