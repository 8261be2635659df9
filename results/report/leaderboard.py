"""The leaderboard of a target: a line for each cell, floors included."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from results.nulls import null_notes
from results.run_folder import Run
from results.scores import reconstruction
from results.scores.labels import shorten
from results.scores.records import NOTHING, Record, is_number, records, varying
from results.tables import notes
from results.tables.beaten import plainly
from results.tables.columns import GAINS, own_gain
from results.tables.columns import columns as known_columns
from results.tables.formats import Score
from results.tables.refits import refit_notes, refit_text

if TYPE_CHECKING:
    import pandas as pd

FIRST = ("auc", "gain", "gain_pixels", "auc_within_location")
REASON = 90
AXIS = "An axis of the grid."
KINDS = (
    "cell: one combination of the grid. floor: what a cell has to beat, such as the base rate, the place in the body "
    "or small pixels. failed, refused, to do: it has no scores, for the reason given."
)


@dataclass(frozen=True)
class Column:
    """A column of the leaderboard.

    Args:
        name: Its header.
        about: The axis, the metric or the value that it shows.
        kind: `step` (a list to filter by), `score`, `loss` (low first when sorted) or `number`.
        meaning: An explanation in plain words.
    """

    name: str
    about: str
    kind: str
    meaning: str


@dataclass(frozen=True)
class Value:
    """A place of the table: its text, the value that it is sorted by (empty: the text), and its interval."""

    text: str
    order: str = ""
    interval: str = ""


@dataclass(frozen=True)
class LeaderboardLine:
    """A cell of the grid.

    Args:
        key: The key of the cell.
        title: The steps on which it differs from the others.
        kind: `cell`, `floor`, or the status of a cell that is not done.
        values: One for each column.
        record: Its row in the table of scores.
    """

    key: str
    title: str
    kind: str
    values: tuple[Value, ...]
    record: Record

    @property
    def ranked(self) -> bool:
        """Whether it is done, so that its place is one by its score."""
        return self.kind in ("cell", "floor")


@dataclass(frozen=True)
class Leaderboard:
    """The leaderboard of one target: lines by AUC, the best first, then cells that are not done.

    `shown` says in sentences what it shows.
    """

    target: str
    shown: tuple[str, ...]
    columns: tuple[Column, ...]
    lines: tuple[LeaderboardLine, ...]
    notes: tuple[str, ...]
    metrics: tuple[str, ...]


def leaderboard(run: Run, frame: pd.DataFrame, target: str) -> Leaderboard:
    """Builds the leaderboard of a target.

    Args:
        run: The run.
        frame: What `results.scores.scores` gives.
        target: One of `run.targets`.
    """
    of_target = records(frame, target)
    cells = [r for r in of_target if not r["floor"]]
    differing = varying(run.axes, cells)
    axes = [axis for axis in run.axes if axis in differing or axis == "heads"]
    short = {axis: shorten(str(r[axis]) for r in cells) for axis in axes}
    shown = (name for name, column in known_columns().items() if column.shown)
    metrics = tuple(n for n in dict.fromkeys([*FIRST, *shown]) if any(is_number(r.get(n)) for r in of_target))
    columns = _columns(run, axes, metrics, of_target)
    failed = reconstruction.collapsed(run)
    numbers = {cell.key: cell.number for cell in run.cells}
    lines = []
    for record in sorted(of_target, key=_rank):
        steps = {axis: short[axis].get(str(record[axis]), str(record[axis])) for axis in axes}
        steps = dict(zip(axes, reconstruction.marked(list(steps.values()), axes, [record["key"]], failed), strict=True))
        title = ", ".join(step for step in steps.values() if step not in NOTHING)
        record["number"] = numbers[record["key"]]
        values = tuple(_value(column, record, steps, own_gain(run, record)) for column in columns)
        lines.append(LeaderboardLine(str(record["key"]), title, kind_of(record), values, record))
    shown_by = tuple(plainly(run, of_target, differing))
    every = notes.of_target(run, frame, of_target, varying=differing, metrics=metrics)
    under = [note for note in every if note not in shown_by]
    return Leaderboard(
        target,
        shown_by,
        columns,
        tuple(lines),
        (*under, *null_notes(run, of_target), *refit_notes(run, of_target)),
        metrics,
    )


def kind_of(record: Record) -> str:
    """`cell`, `floor`, or the status of a cell that is not done."""
    if record["status"] != "done":
        return str(record["status"])
    return "floor" if record["floor"] else "cell"


def score_text(record: Record, metric: str) -> Value:
    """A score with its interval; empty without a score."""
    if not is_number(record.get(metric)):
        return Value("")
    value, low, high = (record[metric], record.get(f"{metric}_low"), record.get(f"{metric}_high"))
    if not (is_number(low) and is_number(high)):
        low, high = None, None
    n = int(record["n_samples"])
    drawn = Score(value, low, high, metric in GAINS, known_columns()[metric].decimals, n).text()
    text, _, interval = drawn.partition(" ")
    return Value(text, repr(float(value)), interval)


def _columns(run: Run, axes: Sequence[str], metrics: Sequence[str], rows: Sequence[Record]) -> tuple[Column, ...]:
    done = [r for r in rows if r["status"] == "done"]
    rank = "Place by AUC among all rows of the target, floors included. Follow it to the details of the cell."
    number = "The number of the cell, by which commands find it, such as `--cell 7`."
    columns = [Column("Rank", "rank", "loss", rank), Column("#", "number", "number", number)]
    columns.append(Column("Kind", "kind", "step", KINDS))
    meanings = {name: words.meaning for name, words in run.axis_words.items()}
    columns += [Column(axis.capitalize(), axis, "step", meanings.get(axis, AXIS)) for axis in axes]
    for name in metrics:
        metric = known_columns()[name]
        kind = "loss" if metric.lower_is_better else "score"
        title = f"Gain over\n{run.location}" if name == "gain" else metric.title(run.within)
        columns.append(Column(title, name, kind, metric.meaning))
    if any(is_number(r.get("null_runs")) for r in done):
        null = "Mean AUC of the same cell on labels that patients exchanged."
        p = "Share of null runs that did as well, counting the cell itself. It is empty for exploratory cells."
        columns += [Column("Null AUC", "null_auc", "number", null), Column("p", "p_value", "loss", p)]
    if any(refit_text(r, "auc") for r in done):
        refit = "1.96 SD of the AUC over refits on drawn patients. It covers training sets too. Sorted by this SD."
        columns.append(Column("AUC refit", "auc_refit", "number", refit))
    if len({(r["n_patients"], r["n_events"]) for r in done}) > 1:
        columns.append(Column("Patients", "n_patients", "number", "Patients on whom the cell was scored."))
        columns.append(Column("Samples", "n_samples", "number", "Samples on which the cell was scored."))
    if len({bool(r["tuned"]) for r in done if not r["floor"]}) > 1:
        tuned = f"tuned: the head's settings were chosen on {run.held_out}. default: they were not."
        columns.append(Column("Tuning", "tuned", "step", tuned))
    return (*columns, Column("Seconds", "seconds", "loss", "Computing time of the cell."))


def _value(column: Column, record: Record, steps: dict[str, str], itself: str) -> Value:
    """The text of a place; `itself` is the gain over the record's own floor, which is left out."""
    name = column.about
    if name == "kind":
        why = textwrap.shorten(str(record["reason"] or ""), REASON, placeholder=" ...")
        return Value(kind_of(record), interval=why)
    if name == "tuned":
        return Value("" if record["floor"] else "tuned" if record["tuned"] else "default")
    if name in steps:
        return Value("" if steps[name] in NOTHING and record["floor"] else steps[name])
    if name in known_columns():
        return Value("") if name == itself else score_text(record, name)
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
