"""Tables for a purpose: what a step changes, a run over its targets, score against cost."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from data.text.names import nearest
from results.run_folder import Cell, Predictions, ResultsError, Run
from results.scores.alignment import Alignment
from results.scores.labels import shorten
from results.scores.scores import described, scores
from results.statistics.bootstrap import PatientBootstrap, interval
from results.statistics.metrics import METRICS, auc, evaluate
from results.tables import notes
from results.tables.calibration import calibration_sheets
from results.tables.costs import seconds
from results.tables.formats import Row, Score, Sheet
from results.tables.leading import bootstrap_of
from results.tables.per_class import per_class_sheets
from results.tables.points import found_points
from results.tables.subgroups import subgroup_sheets
from results.tables.table_one import table_one

Record = dict[str, Any]
Places = dict[tuple[str, ...], dict[str, Cell]]


NAMES = ("main", "ablation", "subgroups", "per-class", "calibration", "per-target", "cost", "points", "table-1")
WITH = {"ablation": "an axis, such as ablation:encoders", "subgroups": "a column, such as subgroups:sex"}


def of(run: Run, preset: str) -> list[Sheet]:
    """The sheets of a preset other than `main`.

    Args:
        run: A run folder.
        preset: `ablation:AXIS`, `subgroups:COLUMN`, `per-class`, `calibration`, `per-target`, `cost`, `points` or
            `table-1`.

    Raises:
        ResultsError: No such preset, or what it says of the run.
    """
    name, _, of_what = preset.partition(":")
    if name not in NAMES[1:]:
        raise ResultsError(f"no preset '{preset}'{nearest(name, NAMES)}")
    if (name in WITH) != bool(of_what):
        raise ResultsError(f"--preset {name} {f'needs {WITH[name]}' if name in WITH else 'takes nothing after it'}")
    if name == "ablation":
        return ablation(run, of_what)
    if name == "subgroups":
        return subgroup_sheets(run, of_what)
    simple: dict[str, Callable[[Run], list[Sheet]]] = {
        "per-class": per_class_sheets,
        "calibration": calibration_sheets,
        "per-target": per_target,
        "cost": cost,
        "points": points,
        "table-1": lambda run: [table_one(run)],
    }
    return simple[name](run)


def points(run: Run) -> list[Sheet]:
    """How near found points come to the annotated ones, by condition and level.

    Raises:
        ResultsError: No region of the run looked for points.
    """
    sheet = found_points(run, by=("condition", "level"))
    if sheet is None:
        raise ResultsError("no region of this run finds points: use regions: predicted")
    return [sheet]


def ablation(run: Run, axis: str, *, resamples: int = 2000) -> list[Sheet]:
    """What each step of an axis changes: mean AUC over the cells that differ in it alone, and the paired difference.

    A row compares a step with the first of the axis over those settings of the other axes for which both are done on
    the same samples; the interval is a bootstrap over patients of the mean difference.

    Args:
        run: A run folder.
        axis: An axis with several steps.
        resamples: Draws of the bootstrap.

    Raises:
        ResultsError: No such axis, or no two of its steps can be compared.
    """
    if axis not in run.axes:
        raise ResultsError(f"no axis '{axis}'{nearest(axis, run.axes)}")
    sheets = [sheet for target in run.targets if (sheet := _ablation(run, target, axis, resamples)) is not None]
    if not sheets:
        raise ResultsError(f"axis '{axis}' has no two steps that are done with the same other steps")
    return sheets


def per_target(run: Run, *, metric: str = "auc", resamples: int = 2000) -> list[Sheet]:
    """One table over all targets: a row a cell, a column a target, and the mean, empty where a target is missing.

    Args:
        run: A run folder.
        metric: A name in `results.statistics.metrics.METRICS`.
        resamples: Draws of the bootstrap.
    """
    if metric not in METRICS:
        raise ResultsError(f"no metric '{metric}'{nearest(metric, METRICS)}")
    found = scores(run, [metric], resamples=resamples)
    records: list[Record] = [{str(k): v for k, v in r.items()} for r in found.to_dict("records")]
    cells = [r for r in records if not r["floor"]]
    varying = [axis for axis in run.axes if len({r[axis] for r in cells}) > 1 or axis == "heads"]
    by_steps: dict[tuple[str, ...], dict[str, Record]] = {}
    for record in records:
        by_steps.setdefault(tuple(record[axis] for axis in run.axes), {})[record["target"]] = record
    short = {axis: shorten(str(r[axis]) for r in cells) for axis in varying}
    rows: list[tuple[bool, Row]] = []
    for of_target in by_steps.values():
        one = next(iter(of_target.values()))
        done = {t: r for t, r in of_target.items() if r["status"] == "done" and np.isfinite(r[metric])}
        drawn = [_score(done.get(target), metric) for target in run.targets]
        mean = Score(float(np.mean([r[metric] for r in done.values()]))) if len(done) == len(run.targets) else None
        named = {a: "" if one["floor"] and one[a] == "none" else str(one[a]) for a in varying}
        labels = tuple(short[a].get(word, word) for a, word in named.items())
        rows.append((bool(one["floor"]), Row(labels, (*drawn, mean))))
    sign = 1 if METRICS[metric].lower_is_better else -1
    rows.sort(key=lambda row: sign * row[1].scores[-1].value if row[1].scores[-1] else float("inf"))
    return [
        Sheet(
            target="all targets",
            title=f"{METRICS[metric].label} by target: {run.dataset}, run {run.name}",
            labels=tuple(varying),
            headers=(*run.targets, "Mean"),
            extras=(),
            rows=tuple(row for floor, row in rows if not floor),
            floors=tuple(row for floor, row in rows if floor),
            notes=(
                "The mean is empty where a target is not done.",
                *notes.beside_targets(run, records, varying=varying, resamples=resamples),
            ),
        )
    ]


def cost(run: Run, *, resamples: int = 2000) -> list[Sheet]:
    """AUC beside the seconds that a cell's fits took, with the training of its fusion where that learns from labels.

    What cells share otherwise (reading, embedding) is counted in none. Empty where the run folder lacks the seconds.

    Args:
        run: A run folder.
        resamples: Draws of the bootstrap.
    """
    found = scores(run, ["auc"], resamples=resamples)
    sheets = []
    for target in run.targets:
        of_target = found[found["target"] == target].to_dict("records")
        records: list[Record] = [{str(k): v for k, v in r.items()} for r in of_target]
        took = seconds(run, target)
        done = [r for r in records if r["status"] == "done" and not r["floor"]]
        varying = [axis for axis in run.axes if len({r[axis] for r in done}) > 1 or axis == "heads"]
        short = {axis: shorten(str(r[axis]) for r in done) for axis in varying}
        unknown = any(not np.isfinite(took[r["key"]]) for r in done)
        done.sort(key=lambda r: -r["auc"])
        sheets.append(
            Sheet(
                target=target,
                title=f"{target}: score and cost, {run.dataset}, run {run.name}",
                labels=tuple(varying),
                headers=("AUC", "Seconds"),
                extras=(),
                rows=tuple(
                    Row(
                        tuple(short[a][str(r[a])] for a in varying),
                        (_score(r, "auc"), Score(took[r["key"]], decimals=1) if np.isfinite(took[r["key"]]) else None),
                    )
                    for r in done
                ),
                floors=(),
                notes=(
                    "Seconds: of the cell's fits, with the training of a fusion that learns from labels, which counts "
                    "in full for each cell that uses it; reading, embedding and what learns without labels are not in "
                    "it.",
                    *(["Empty: the run folder lacks the seconds of a trained fusion."] if unknown else []),
                    *notes.beside(run, records, varying=varying, resamples=resamples),
                ),
            )
        )
    return sheets


def _score(record: Record | None, metric: str) -> Score | None:
    if record is None or not np.isfinite(record[metric]):
        return None
    low, high = record[f"{metric}_low"], record[f"{metric}_high"]
    return Score(record[metric], low, high) if np.isfinite(low) else Score(record[metric])


def _ablation(run: Run, target: str, axis: str, resamples: int) -> Sheet | None:
    cells = [c for c in run.cells if c.target == target and not c.floor and c.status == "done"]
    steps = list(dict.fromkeys(c.axes[axis] for c in cells))
    if len(steps) < 2:
        return None
    places: Places = {}
    for cell in cells:
        places.setdefault(tuple(v for a, v in cell.axes.items() if a != axis), {})[cell.axes[axis]] = cell
    undone = [c for c in run.cells if c.target == target and not c.floor and c.status != "done"]
    predictions = {cell.key: run.predictions(cell) for cell in cells}
    alignment = Alignment(predictions, n_classes=len(cells[0].classes), levels={})
    bootstrap = bootstrap_of(alignment, target, resamples=resamples)
    complete = {place: found for place, found in places.items() if set(steps) <= set(found)}
    rows = list(_steps(steps, complete or places, predictions, alignment, bootstrap))
    if not rows:
        return None
    named = [c for c in run.cells if c.target == target and not c.floor]
    varying = [a for a in run.axes if len({c.axes[a] for c in named}) > 1 or a == "heads"]
    records = described(run, [*cells, *undone], alignment)
    compared = {row.labels[0] for row in rows}
    absent = [step for step in dict.fromkeys(c.axes[axis] for c in named) if step not in {*compared, steps[0]}]
    return Sheet(
        target=target,
        title=f"{target}: what {axis} changes, {run.dataset}, run {run.name}",
        labels=(axis,),
        headers=("AUC", f"AUC of\n{steps[0]}", "Difference"),
        extras=("Pairs of cells",),
        rows=tuple(sorted(rows, key=lambda row: -(row.scores[2].value if row.scores[2] else 0))),
        floors=(),
        notes=(
            f"Means over the cells that differ in {axis} alone, on the same samples, from {steps[0]}.",
            *([_settings(axis, len(complete), len(places))] if len(complete) < len(places) else []),
            *([f"Not compared, for want of pairs on the same samples: {', '.join(absent)}."] if absent else []),
            "Difference: its interval is that of the mean difference of the pairs.",
            *notes.beside(run, records, varying=varying, resamples=resamples, redrawn=bootstrap.redrawn),
        ),
    )


def _settings(axis: str, complete: int, all_of_them: int) -> str:
    """Over what settings of the other axes the means are."""
    if complete:
        return f"Means over the {complete} of {all_of_them} settings of the other axes in which every step is done."
    return f"No setting has every step of {axis} done: rows are means over different pairs and can't be compared."


def _steps(
    steps: list[str],
    places: Places,
    predictions: Mapping[str, Predictions],
    alignment: Alignment,
    bootstrap: PatientBootstrap,
) -> Iterator[Row]:
    """A row for each step after the first that can be compared with it."""
    draws: dict[str, tuple[float, Any]] = {}

    def of(cell: Cell) -> tuple[float, Any]:
        if cell.key not in draws:
            rows, P = alignment.rows[cell.key], predictions[cell.key].P
            value = evaluate(auc, rows.y, P, repeat=rows.repeat, fold=rows.fold).value
            draws[cell.key] = value, bootstrap.draws(auc, rows, P)
        return draws[cell.key]

    for step in steps[1:]:
        pairs = [(found[step], found[steps[0]]) for found in places.values() if {step, steps[0]} <= set(found)]
        pairs = [(one, first) for one, first in pairs if alignment.rows[one.key] is alignment.rows[first.key]]
        if not pairs:
            continue
        values = np.array([(of(one)[0], of(first)[0]) for one, first in pairs]).mean(axis=0)
        low, high = interval(np.mean([of(one)[1] - of(first)[1] for one, first in pairs], axis=0))
        difference = Score(float(values[0] - values[1]), low, high, signed=True)
        yield Row((step,), (Score(float(values[0])), Score(float(values[1])), difference), (str(len(pairs)),))
