"""The page of a cell: its steps in full, its scores and their spread over folds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from results.report.cell_pictures import CellPictures
from results.report.leaderboard import Leaderboard, LeaderboardLine, Value, score_text
from results.report.reading import Read
from results.run_folder import Run
from results.scores.labels import by_class
from results.scores.records import NOTHING, is_number
from results.tables.columns import columns

WIDTH, HEIGHT, MARGIN = 260, 30, 8


@dataclass(frozen=True)
class Spread:
    """AUC over folds as a strip with a tick for each fold.

    Args:
        ticks: An SVG path of the ticks.
        mean: x of the mean.
        chance: x of 0.5.
        low: The value at the left end, as text; the right end is 1.
        words: The same in words.
        numbers: AUC of each fold, with a line for each repeat.
    """

    ticks: str
    mean: float
    chance: float
    low: str
    words: str
    numbers: str


@dataclass(frozen=True)
class CellPage:
    """The facts about one cell.

    Args:
        line: Its line on the leaderboard.
        rank: Its place there.
        facts: Names and values, the steps in full among them.
        scores: For each metric: its label, the score, mean and SD over folds, SD over repeats.
        spread: The strip; None if no fold has every class.
        pictures: The pictures, and what it misread; None for a cell without pictures.
    """

    line: LeaderboardLine
    rank: int
    facts: list[tuple[str, str]]
    scores: list[tuple[str, Value, str, str, str]]
    spread: Spread | None
    pictures: CellPictures | None = None


def cell_pages(
    run: Run, board: Leaderboard, read: Read, pictures: Mapping[str, CellPictures] = MappingProxyType({})
) -> list[CellPage]:
    """The pages of a target's cells, in the order of its leaderboard."""
    values = [v for rows in read.fold_auc.values() for row in rows for v in row if not math.isnan(v)]
    low = min(0.4, math.floor(min(values, default=0.4) * 10) / 10)
    return [
        CellPage(
            line=line,
            rank=rank,
            facts=list(_facts(run, line)),
            scores=_scores(run, line, board.metrics),
            spread=spread(read.fold_auc.get(line.key, []), low),
            pictures=pictures.get(line.key),
        )
        for rank, line in enumerate(board.lines, start=1)
    ]


def spread(rows: list[list[float]], low: float) -> Spread | None:
    """The strip of a cell; `low` is the left end of its axis.

    Args:
        rows: AUC by repeat and fold, NaN in a fold that lacks a class.
        low: Below every value and below 0.5.
    """
    values = [v for row in rows for v in row if not math.isnan(v)]
    if len(values) < 2:
        return None
    mean = math.fsum(values) / len(values)
    return Spread(
        ticks="".join(f"M{_x(v, low):g} 5v14" for v in values),
        mean=_x(mean, low),
        chance=_x(0.5, low),
        low=f"{low:g}",
        words=f"AUC of {len(values)} folds: lowest {min(values):.2f}, mean {mean:.2f}, highest {max(values):.2f}",
        numbers="\n".join([_line("AUC", (f"fold {fold}" for fold in range(len(rows[0])))), *_lines(rows)]),
    )


def _lines(rows: list[list[float]]) -> Iterable[str]:
    for repeat, row in enumerate(rows):
        yield _line(f"repeat {repeat}", ("-" if math.isnan(v) else f"{v:.2f}" for v in row))


def _line(name: str, words: Iterable[str]) -> str:
    return name.ljust(10) + "".join(word.rjust(8) for word in words)


def _x(value: float, low: float) -> float:
    return round(MARGIN + (value - low) / (1 - low) * (WIDTH - 2 * MARGIN), 1)


def _facts(run: Run, line: LeaderboardLine) -> Iterable[tuple[str, str]]:
    record = line.record
    if record["status"] != "done":
        yield record["status"], str(record["reason"] or "no reason is given")
    yield from ((axis, str(record[axis])) for axis in run.axes if record[axis] not in NOTHING)
    if not record["floor"]:
        yield "settings of the head", f"tuned on {run.held_out}" if record["tuned"] else "default, not tuned"
    if record["status"] == "done":
        classes = next(cell.classes for cell in run.cells if cell.target == record["target"])
        counts = by_class(classes, record["n_events"])
        yield "scored on", f"{record['n_patients']} patients, {record['n_samples']} samples ({counts})"
        if record["folds_left_out"]:
            yield "folds left out of means and SDs", f"{record['folds_left_out']}, which lack a class"
        if is_number(record.get("null_auc")):
            spread = f", SD {record['null_sd']:.2f}" if is_number(record["null_sd"]) else ""
            yield "on exchanged labels", f"AUC {record['null_auc']:.2f}{spread}, {record['null_runs']} runs"
    yield "key", line.key


def _scores(run: Run, line: LeaderboardLine, metrics: Iterable[str]) -> list[tuple[str, Value, str, str, str]]:
    rows = []
    for metric in metrics:
        value = score_text(line.record, metric)
        if value.text:
            digits = columns()[metric].decimals + 1
            found = [line.record.get(f"{metric}_{kind}") for kind in ("fold_mean", "fold_sd", "repeat_sd")]
            mean, sd, over_repeats = (f"{v:.{digits}f}" if is_number(v) else "" for v in found)
            rows.append((columns()[metric].title(run.within), value, mean, sd, over_repeats))
    return rows
