"""The leaderboard of a target: a line a cell, floors among them."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from results.run_folder import Run
from results.scores.labels import shorten
from results.tables import notes
from results.tables.formats import Score
from results.tables.main import DECIMALS, DEFAULT, LABELS, LOWER_IS_BETTER
from results.tables.refits import refit_notes, refit_text

if TYPE_CHECKING:
    import pandas as pd

Record = dict[str, Any]
NOTHING = ("-", "none")
FIRST = ("auc", "gain", "auc_within_level")
REASON = 90


@dataclass(frozen=True)
class Column:
    """A column of the leaderboard.

    Args:
        name: What its header says.
        about: The axis, the metric or the word under which its meaning is explained.
        kind: `step` (a list to filter by), `score`, `loss` (low first when sorted) or `number`.
    """

    name: str
    about: str
    kind: str


@dataclass(frozen=True)
class Value:
    """A place of the table: what is shown, what it is sorted by (empty: as shown), and its interval."""

    text: str
    order: str = ""
    interval: str = ""


@dataclass(frozen=True)
class Line:
    """A cell of the grid.

    Args:
        key: Names the cell.
        title: What tells it from the others.
        kind: `cell`, `floor`, or the status of a cell that is not done.
        values: One for each column.
        record: Its row in the table of scores.
    """

    key: str
    title: str
    kind: str
    values: tuple[Value, ...]
    record: Record


@dataclass(frozen=True)
class Leaderboard:
    """The leaderboard of one target; lines with the best AUC first, then those that are not done."""

    target: str
    columns: tuple[Column, ...]
    lines: tuple[Line, ...]
    notes: tuple[str, ...]
    metrics: tuple[str, ...]


def leaderboard(run: Run, frame: pd.DataFrame, target: str) -> Leaderboard:
    """Builds the leaderboard of a target.

    Args:
        run: The run.
        frame: What `results.scores.scores` gives.
        target: One of `run.targets`.
    """
    records = [{str(k): v for k, v in r.items()} for r in frame[frame["target"] == target].to_dict("records")]
    cells = [r for r in records if not r["floor"]]
    varying = [axis for axis in run.axes if len({r[axis] for r in cells}) > 1]
    axes = [axis for axis in run.axes if axis in varying or axis == "heads"]
    short = {axis: shorten(str(r[axis]) for r in cells) for axis in axes}
    metrics = tuple(name for name in dict.fromkeys([*FIRST, *DEFAULT]) if any(is_number(r.get(name)) for r in records))
    columns = _columns(axes, metrics, records)
    lines = []
    for record in sorted(records, key=_rank):
        steps = {axis: short[axis].get(str(record[axis]), str(record[axis])) for axis in axes}
        title = ", ".join(step for step in steps.values() if step not in NOTHING)
        values = tuple(_value(column, record, steps) for column in columns)
        lines.append(Line(str(record["key"]), title, kind_of(record), values, record))
    about: dict[str, Any] = {"varying": varying, "metrics": metrics, "missing": {}, "over": "location"}
    said = (*notes.of_target(run, frame, records, **about), *refit_notes(run, records))
    return Leaderboard(target, columns, tuple(lines), said, metrics)


def is_number(value: Any) -> bool:
    """Whether it is a finite number."""
    return isinstance(value, int | float) and math.isfinite(value)


def kind_of(record: Record) -> str:
    """`cell`, `floor`, or the status of what is not done."""
    if record["status"] != "done":
        return str(record["status"])
    return "floor" if record["floor"] else "cell"


def score_text(record: Record, metric: str) -> Value:
    """A score with its interval; empty where there is none."""
    if not is_number(record.get(metric)):
        return Value("")
    value, low, high = (record[metric], record.get(f"{metric}_low"), record.get(f"{metric}_high"))
    ends = (low, high) if is_number(low) and is_number(high) else (None, None)
    drawn = Score(value, *ends, signed=metric == "gain", decimals=DECIMALS.get(metric, 2)).text()
    text, _, interval = drawn.partition(" ")
    return Value(text, repr(float(value)), interval)


def _columns(axes: Sequence[str], metrics: Sequence[str], records: list[Record]) -> tuple[Column, ...]:
    done = [r for r in records if r["status"] == "done"]
    columns = [Column("Rank", "rank", "loss"), Column("Kind", "kind", "step")]
    columns += [Column(axis.capitalize(), axis, "step") for axis in axes]
    columns += [Column(LABELS[m], m, "loss" if m in LOWER_IS_BETTER else "score") for m in metrics]
    if any(is_number(r.get("null_runs")) for r in done):
        columns += [Column("Null AUC", "null_auc", "number"), Column("p", "p_value", "loss")]
    if any(refit_text(r, "auc") for r in done):
        columns.append(Column("AUC refit", "auc_refit", "number"))
    if len({(r["n_patients"], r["n_events"]) for r in done}) > 1:
        columns += [Column("Patients", "n_patients", "number"), Column("Samples", "n_samples", "number")]
    if len({bool(r["tuned"]) for r in done if not r["floor"]}) > 1:
        columns.append(Column("Tuning", "tuned", "step"))
    return (*columns, Column("Seconds", "seconds", "loss"))


def _value(column: Column, record: Record, steps: dict[str, str]) -> Value:
    name = column.about
    if name == "kind":
        why = textwrap.shorten(str(record["reason"] or ""), REASON, placeholder=" ...")
        return Value(kind_of(record), interval=why)
    if name == "tuned":
        return Value("" if record["floor"] else "tuned" if record["tuned"] else "default")
    if name in steps:
        return Value("" if steps[name] in NOTHING and record["floor"] else steps[name])
    if name in LABELS:
        itself = name == "gain" and record["floor"] and str(record["heads"]).startswith("location")
        return Value("") if itself else score_text(record, name)
    if name == "auc_refit":
        return Value(refit_text(record, "auc"), repr(record.get("auc_refit_sd")))
    value = record.get(name)
    if not is_number(value):
        return Value("")
    digits = {"null_auc": 2, "p_value": 3, "seconds": 1}.get(name, 0)
    return Value(f"{value:.{digits}f}", repr(value))


def _rank(record: Record) -> tuple[bool, float]:
    value: Any = record.get("auc")
    return (record["status"] != "done", -value if is_number(value) else math.inf)
