"""The scores of every cell of a run, one row a cell, with intervals; kept in the run folder."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from data.text.names import nearest
from results.run_folder import Cell, Predictions, ResultsError, Run
from results.scores.alignment import Alignment
from results.statistics.bootstrap import PatientBootstrap, Rows, interval
from results.statistics.metrics import METRICS, ORDINAL, Metric, auc, evaluate
from results.statistics.selection import selection_corrected
from results.tables.meaning import unfit
from results.tables.refits import refit_intervals

if TYPE_CHECKING:
    import pandas as pd

Float64 = NDArray[np.float64]
Row = dict[str, Any]

DEFAULT = ("accuracy", "balanced_accuracy", "f1", "auc", "auc_within_level", *ORDINAL)
COUNTS = ("n_patients", "n_samples", "rarest_class_patients", "folds_left_out", "redrawn", "null_runs", "refits")
EXPLORATORY = 20


def scores(
    run: Run,
    metrics: Sequence[str] = DEFAULT,
    *,
    resamples: int = 2000,
    seed: int = 0,
    against: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """One row a cell, in the order of the run.

    Columns: `key`, `target`, the axes, `floor`, `status`, `reason`, `tuned`, `seconds`; `n_patients`, `n_samples`,
    `n_events` (samples by class, `299/207`), `rarest_class_patients`, `folds_left_out` (those that lack a class);
    for each metric `m`: `m` (the primary value), `m_low`, `m_high` (95 % percentile bootstrap over patients),
    `m_fold_mean`, `m_fold_sd`, `m_repeat_sd`, `m_tied` (whether the paired interval of its difference from the best
    cell covers 0; empty for the best, for floors and for cells on other samples); beside `auc` also
    `auc_corrected`, `auc_corrected_low`, `auc_corrected_high` (of the best cell: corrected for its choice
    among the `auc_corrected_among` cells on its samples), `gain`,
    `gain_low`, `gain_high` (AUC minus that of `location`, or of `against`, on the samples that both predict, from the
    same resamples), `null_auc`, `null_sd`, `null_runs`, `p_value`; for cells with refits
    `refits` and what `results.tables.refits` says; `redrawn` (draws of the target that lacked a
    class). Empty where it doesn't apply: metrics
    of ordinal targets, a run without locations, the p-value of a target with fewer than 20 patients in a class.

    The table is kept in the run folder and made again when a prediction, the code of `results/` or an argument changes.

    Args:
        run: A run folder.
        metrics: Names in `METRICS`.
        resamples: Draws of the bootstrap; 0 for no intervals.
        seed: Of the draws.
        against: Axes with the step of one cell of each target: gains are over that cell. Such a table is not kept.

    Raises:
        ResultsError: An unknown metric, an `against` that names no cell or several, or a run folder that does not hold
            what it should.
    """
    import pandas as pd

    for name in metrics:
        if name not in METRICS:
            raise ResultsError(f"no metric '{name}'{nearest(name, METRICS)}")
    path, digest = run.folder / "scores.parquet", _digest(run, resamples, seed)
    kept = _read(path, digest) if against is None else None
    had = [] if kept is None else kept.attrs["metrics"]
    if kept is not None and set(metrics) <= set(had):
        return kept
    wanted = [name for name in METRICS if name in had or name in metrics]
    rows: dict[str, Row] = {}
    for target in run.targets:
        cells = [c for c in run.cells if c.target == target]
        rows |= _score_target(run, cells, wanted, resamples, seed, against)
    table = pd.DataFrame([rows[cell.key] for cell in run.cells])
    table = table.astype({name: "Int64" for name in COUNTS if name in table})
    table = table.astype({name: "boolean" for name in table if str(name).endswith("_tied")})
    table.attrs = {"digest": digest, "metrics": wanted, "resamples": resamples}
    if against is None:
        _keep(table, path)
    return table


def described(run: Run, cells: Sequence[Cell], alignment: Alignment) -> list[Row]:
    """The columns of `scores` that are no scores: what a cell is, and on whom if it is done."""
    return [
        _about(run, cell) | (_about_rows(alignment.rows[cell.key]) if cell.status == "done" else {}) for cell in cells
    ]


def _score_target(
    run: Run, cells: list[Cell], metrics: list[str], resamples: int, seed: int, against: Mapping[str, str] | None
) -> dict[str, Row]:
    done = [cell for cell in cells if cell.status == "done"]
    if not done:
        return {cell.key: _about(run, cell) for cell in cells}
    predictions = {cell.key: run.predictions(cell) for cell in done}
    alignment = Alignment(predictions, n_classes=len(cells[0].classes), levels=run.levels)
    if against is None:
        others = {cell.key: floor.key for cell in done if (floor := floor_for(cell, done, "location"))}
    else:
        others = dict.fromkeys([cell.key for cell in done], the_cell(done, against).key)
    for key, other in others.items():
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
            if not cell.floor:
                drawn[name][cell.key] = draws
        if "auc" in used and cell.key in others:
            row |= gains.over(others[cell.key], cell.key)
        if "auc" in used:
            row |= _null(run, cell, row)
        row |= refit_intervals(run, cell, {name: row[name] for name in used})
    if "auc" in used:
        _correct_best(rows, drawn["auc"], alignment, predictions, bootstrap)
    for name in used:
        for key, tied in _ties(METRICS[name], name, rows, drawn[name], alignment.rows).items():
            rows[key][f"{name}_tied"] = tied
    return rows


def the_cell(cells: Sequence[Cell], named: Mapping[str, str]) -> Cell:
    """The one cell that is named by steps of some axes, each by its label or without its fields.

    Raises:
        ResultsError: There is none, or there are several, which the message tells apart.
    """
    unknown = [axis for axis in named if axis not in cells[0].axes]
    if unknown:
        raise ResultsError(f"no axis '{unknown[0]}'{nearest(unknown[0], cells[0].axes)}")
    found = [cell for cell in cells if all(is_step(cell.axes[axis], name) for axis, name in named.items())]
    if len(found) == 1:
        return found[0]
    shown = ",".join(f"{axis}={name}" for axis, name in named.items())
    among = found or list(cells)
    differing = [axis for axis in among[0].axes if len({cell.axes[axis] for cell in among}) > 1]
    listed = "; ".join(", ".join(f"{axis}={cell.axes[axis]}" for axis in differing) for cell in among[:6])
    how_many = (
        f"{len(found)} cells of {cells[0].target}: say which" if found else f"no cell of {cells[0].target}: there is"
    )
    raise ResultsError(f"{shown} names {how_many}: {listed}{' ...' if len(among) > 6 else ''}")


def is_step(label: str, name: str) -> bool:
    """Whether a step goes by a name: its label, or its label without fields."""
    return name in (label, re.sub(r"\([^()]*\)", "", label))


def _about(run: Run, cell: Cell) -> Row:
    names = ("key", "target", "floor", "status", "reason", "tuned", "seconds")
    about = {name: getattr(cell, name) for name in names}
    axes = {axis: cell.axes.get(axis, "none") for axis in run.axes}
    return {"key": about.pop("key"), "target": about.pop("target"), **axes, **about}


def _about_rows(rows: Rows) -> Row:
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


def _correct_best(
    rows: Mapping[str, Row],
    draws: Mapping[str, Float64],
    alignment: Alignment,
    predictions: Mapping[str, Predictions],
    bootstrap: PatientBootstrap,
) -> None:
    """What choosing the best AUC among the cells on its samples is worth: `auc_corrected` of the best cell."""
    values = {key: rows[key]["auc"] for key in draws if np.isfinite(rows[key]["auc"])}
    if not values or not len(bootstrap.counts):
        return
    best = max(values, key=lambda key: values[key])
    same = [key for key in values if alignment.rows[key] is alignment.rows[best]]
    found = selection_corrected(bootstrap, auc, alignment.rows[best], [predictions[key].P for key in same])
    rows[best].update(
        auc_corrected=found.value,
        auc_corrected_low=found.low,
        auc_corrected_high=found.high,
        auc_corrected_among=len(same),
    )


def _ties(
    metric: Metric, name: str, rows: Mapping[str, Row], draws: Mapping[str, Float64], of: Mapping[str, Rows]
) -> dict[str, bool]:
    """Whether the paired interval of each cell's difference from the best covers 0, of those on the best's samples."""
    values = {key: rows[key][name] for key in draws if np.isfinite(rows[key][name])}
    if not values:
        return {}
    best = (min if metric.lower_is_better else max)(values, key=lambda key: values[key])
    found = {}
    for key in values:
        if of[key] is of[best] and key != best:
            low, high = interval(draws[key] - draws[best])
            found[key] = bool(low <= 0 <= high)
    return found


def _metric(name: str, rows: Rows, P: Float64, draws: Float64) -> Row:
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


def floor_for(cell: Cell, done: Sequence[Cell], head: str) -> Cell | None:
    """The floor to hold a cell against: one on the same sequences, where there are several."""
    floors = [other for other in done if other.floor and other.head == head]
    same = [other for other in floors if other.axes.get("sequences") == cell.axes.get("sequences")]
    return next(iter([*same, *floors]), None)


class _Gains:
    """AUC over that of another cell on the samples that both predict; the other's is computed once for such samples."""

    def __init__(self, alignment: Alignment, predictions: dict[str, Predictions], bootstrap: PatientBootstrap) -> None:
        self.alignment, self.predictions, self.bootstrap = alignment, predictions, bootstrap
        self.others: dict[tuple[str, Rows], tuple[float, Float64]] = {}

    def over(self, other: str, key: str) -> Row:
        """The gain of a cell over another."""
        rows, mine, theirs = self.alignment.shared(key, other)
        if len(rows.y) == 0:
            return {}
        if (other, rows) not in self.others:
            self.others[other, rows] = self._auc(rows, self.predictions[other].P[theirs])
        value, draws = self._auc(rows, self.predictions[key].P[mine])
        other_value, other_draws = self.others[other, rows]
        low, high = interval(draws - other_draws)
        return {"gain": value - other_value, "gain_low": low, "gain_high": high}

    def _auc(self, rows: Rows, P: Float64) -> tuple[float, Float64]:
        value = evaluate(auc, rows.y, P, repeat=rows.repeat, fold=rows.fold).value
        return value, self.bootstrap.draws(auc, rows, P)


def _null(run: Run, cell: Cell, row: Row) -> Row:
    values = np.array([evaluate(auc, p.y, p.P, repeat=p.repeat, fold=p.fold).value for p in run.null(cell)])
    if len(values) == 0:
        return {}
    return {
        "null_auc": float(values.mean()),
        "null_sd": float(values.std(ddof=1)) if len(values) > 1 else float("nan"),
        "null_runs": len(values),
        "p_value": (1 + int((values >= row["auc"]).sum())) / (len(values) + 1)
        if row["rarest_class_patients"] >= EXPLORATORY
        else float("nan"),
    }


def _digest(run: Run, resamples: int, seed: int) -> str:
    """Changes with the predictions (by size and time), the code of results/ and the arguments."""
    digest = hashlib.sha256(f"{resamples} {seed}".encode())
    for path in sorted(Path(__file__).parents[1].rglob("*.py")):
        digest.update(path.read_bytes())
    for path in run.files:
        stat = path.stat()
        digest.update(f"{path.relative_to(run.folder)} {stat.st_size} {stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _read(path: Path, digest: str) -> pd.DataFrame | None:
    import pandas as pd

    try:
        table = pd.read_parquet(path)
    except (OSError, ValueError):
        return None
    return table if table.attrs.get("digest") == digest else None


def _keep(table: pd.DataFrame, path: Path) -> None:
    unfinished = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        table.to_parquet(unfinished)
        unfinished.replace(path)
    except PermissionError:
        # A run folder that can only be read still has scores.
        return
