"""The table of one target: its cells or a pivot over some axes, the floors, and the notes under it."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from results.flow import span
from results.nulls import null_notes, null_p_cell
from results.run_folder import Run
from results.scores import reconstruction
from results.scores.fitness import left_out, unfit
from results.scores.labels import by_class, shorten
from results.scores.means import MeanDraws
from results.scores.records import NOTHING, Record, floor_labels, is_number, records, varying
from results.tables import notes
from results.tables.choice import corrected_row
from results.tables.columns import GAINS, own_gain
from results.tables.columns import columns as known_columns
from results.tables.formats import Row, Score, Sheet
from results.tables.means import Means, Values, mean, values
from results.tables.numbered import with_numbers
from results.tables.refits import refit_columns, refit_notes

if TYPE_CHECKING:
    import pandas as pd

EQUAL = 1e-12
"""Scores that differ by less are equal; sums in another order differ in their last bits."""

Place = tuple[str, Values]
"""A column of scores: its metric, and the steps of the axes that are columns."""

Texts = dict[str, Callable[[Record], str]]
"""Columns of text by their header, each with the function that gives a cell's text."""


def target_sheet(
    run: Run,
    frame: pd.DataFrame,
    target: str,
    *,
    rows: Sequence[str],
    columns: Sequence[str],
    metrics: Sequence[str],
    over: str,
    draws: MeanDraws,
) -> Sheet:
    """The table of one target.

    Args:
        run: A run folder.
        frame: Its table of scores.
        target: One of its targets.
        rows: Axes whose steps are rows; empty: a row for each cell.
        columns: Axes whose steps are columns.
        metrics: The requested metrics; empty: those that are shown without being asked.
        over: The cell that gains are over, in words.
        draws: What gives means over cells their intervals.
    """
    of_target = records(frame, target)
    cells, floors = [r for r in of_target if not r["floor"]], [r for r in of_target if r["floor"]]
    _name_tuned(cells)
    differing = varying(run.axes, cells)
    in_full = _shorten(cells, [*differing, "heads"])
    labels = list(rows) or [a for a in run.axes if a not in columns and (a in differing or a == "heads")]
    rest = [axis for axis in differing if axis not in labels and axis not in columns]
    requested = [name for name in metrics if name != "gain" or over == run.location]
    names = _metrics(run, target, metrics, requested, of_target)
    means = Means(cells, labels, columns, rest, draws)
    places = [(name, column) for name in names for column in means.columns or [()]]
    pivot = bool(rest or columns)
    texts = {} if pivot else _texts(run, of_target) | refit_columns(run, of_target, metrics or ["auc"])
    ranked = _ranked(means, places, texts, pivot=pivot)
    failed = reconstruction.collapsed(run)
    users = {row: [cell["key"] for cell in cells if values(cell, labels) == row.labels] for row, _ in ranked}
    alike = len({record.get("n_samples") for _, record in ranked}) == 1
    marked = [(name if alike or name not in GAINS else "", column) for name, column in places]
    best = _best([row for row, _ in ranked], marked)
    choice = () if pivot else corrected_row(of_target, labels, names, len(texts))
    below: list[tuple[Row, list[Record]]] = [(row, []) for row in choice]
    below += _floors(run, floors, labels, columns, places, texts, over, draws)
    keys = [cells[0]["key"] if len(cells) == 1 else "" for _, cells in below]
    sheet = Sheet(
        target=target,
        title=f"{target}: {run.dataset}, run {run.name}{_averaged(cells, rest, means.sizes)}",
        labels=tuple(labels),
        averaged=tuple(rest),
        headers=tuple(_header(run, name, column, over) for name, column in places),
        metrics=tuple(name for name, _ in places),
        extras=tuple(texts),
        rows=tuple(
            replace(row, labels=reconstruction.marked(row.labels, labels, users[row], failed)) for row, _ in ranked
        ),
        floors=tuple(row for row, _ in below),
        best=best,
        tied=_tied([record for _, record in ranked], marked) - best,
        always=frozenset(j for j, (name, _) in enumerate(places) if name == "auc" or name in GAINS),
        notes=(
            *left_out(run, target, requested),
            *notes.of_target(
                run,
                frame,
                of_target,
                varying=differing,
                metrics=names,
                missing=means.missing,
                over=over,
                averaged=rest,
            ),
            *_only_somewhere(run, below, places),
            *(() if pivot else (*null_notes(run, of_target), *refit_notes(run, of_target))),
            *in_full,
        ),
    )
    return sheet if pivot else with_numbers(run, sheet, [*(record["key"] for _, record in ranked), *keys])


def _averaged(cells: Sequence[Record], rest: Sequence[str], sizes: Collection[int]) -> str:
    """The end of a title: the axes that each number is a mean over, with their numbers of steps.

    Where the means are not over all combinations of these steps, the numbers of those that they are over.
    """
    if not rest:
        return ""
    numbers = [len({cell[axis] for cell in cells}) for axis in rest]
    whole = set(sizes) <= {math.prod(numbers)}
    *some, last = (f"{axis} ({n})" if whole else axis for axis, n in zip(rest, numbers, strict=True))
    over = f"{', '.join(some)} and {last}" if some else last
    return f"; each number is the mean over {over if whole else f'{span(sorted(sizes))} settings of {over}'}"


def _name_tuned(cells: list[Record]) -> None:
    """Marks heads as tuned or default, in place, where some are tuned and others are not."""
    if len({cell["tuned"] for cell in cells}) > 1:
        for cell in cells:
            cell["heads"] = f"{cell['heads']} ({'tuned' if cell['tuned'] else 'default'})"


def _ranked(means: Means, places: Sequence[Place], texts: Texts, *, pivot: bool) -> list[tuple[Row, Record]]:
    """The rows of the cells, best first, each with the record of its cell; a row of a pivot has none."""
    found: list[tuple[Row, Record]] = []
    for labels in means.rows:
        scores = tuple(means.score(labels, column, name) for name, column in places)
        if any(scores) or pivot:
            record = means.cells.get((labels, (), ()), {})
            found.append((Row(labels, scores, tuple(text(record) for text in texts.values())), record))
    by = next((j for j, (name, _) in enumerate(places) if name == "auc"), 0)
    return sorted(found, key=lambda one: _rank(one[0].scores[by], places[by][0]))


def _metrics(
    run: Run, target: str, metrics: Sequence[str], requested: Sequence[str], of_target: Sequence[Record]
) -> list[str]:
    """The requested metrics that mean something; without a request those that are shown and have a value."""
    absent = {name for name in requested if unfit(run, target, name)}
    found = [name for name in metrics if name not in absent]
    if not metrics:
        shown = (name for name, column in known_columns().items() if column.shown)
        found = [name for name in shown if any(is_number(record.get(name)) for record in of_target)]
    return found or ["auc"]


def _shorten(cells: list[Record], axes: Iterable[str]) -> list[str]:
    """Shortens the labels of some axes in place; gives a note with the full labels."""
    long: dict[str, str] = {}
    for axis in dict.fromkeys(axes):
        short = shorten(str(cell[axis]) for cell in cells)
        for cell in cells:
            cell[axis] = short[str(cell[axis])]
        long |= {name: label for label, name in short.items() if name != label}
    return [f"In full: {'; '.join(long.values())}."] if long else []


def _floors(
    run: Run,
    floors: list[Record],
    labels: Sequence[str],
    columns: Sequence[str],
    places: Sequence[Place],
    texts: Texts,
    over: str,
    draws: MeanDraws,
) -> Iterator[tuple[Row, list[Record]]]:
    """A row for each floor, without its gain over itself, and its cells.

    The row has steps on the axes on which the name of the floor has several.

    A floor that does not depend on the columns has the same score in all of them; one that the grid has only for some
    steps of theirs is empty elsewhere. Floors that differ only on axes that the table does not name are averaged.
    """
    rows: dict[Values, list[Record]] = {}
    for floor in floors:
        words = floor_labels(floor, floors, labels)
        rows.setdefault(tuple(words), []).append(floor)
    for labels_of_row, cells in rows.items():
        found = []
        for name, column in places:
            own = [cell for cell in cells if values(cell, columns) == column] or [
                cell
                for cell in cells
                if all(
                    axis == "heads" or cell[axis] in (step, *NOTHING)
                    for axis, step in zip(columns, column, strict=True)
                )
            ]
            done = bool(own) and all(cell["status"] == "done" for cell in own)
            empty = name == own_gain(run, cells[0]) and (name != "gain" or over == run.location)
            found.append(mean(own, name, draws) if done and not empty else None)
        yield Row(labels_of_row, tuple(found), tuple(text(cells[0]) for text in texts.values())), cells


def _only_somewhere(run: Run, below: Sequence[tuple[Row, list[Record]]], places: Sequence[Place]) -> Iterator[str]:
    """The floors that the grid has for some columns of a pivot alone, whose other places are empty."""
    lacking = dict.fromkeys(
        cells[0]["heads"]
        for row, cells in below
        if cells and all(cell["status"] == "done" for cell in cells)
        for (name, column), score in zip(places, row.scores, strict=True)
        if column and score is None and name != own_gain(run, cells[0])
    )
    if lacking:
        yield f"The grid has {' and '.join(lacking)} for some of these columns only, so other places are empty."


def _texts(run: Run, of_target: Sequence[Record]) -> Texts:
    """The columns of text that only some tables need."""
    texts: Texts = {}
    classes = next(cell.classes for cell in run.cells if cell.target == of_target[0]["target"])
    done = [r for r in of_target if r["status"] == "done"]
    if len({(r["n_patients"], r["n_events"]) for r in done}) > 1:
        texts["Patients"] = lambda r: _whole(r, "n_patients")
        texts["Samples"] = lambda r: _whole(r, "n_samples")
        texts["By class"] = lambda r: by_class(classes, r["n_events"]) if isinstance(r.get("n_events"), str) else ""
    if any(is_number(r.get("null_runs")) for r in done):
        texts["Null AUC"] = lambda r: f"{r['null_auc']:.2f}" if is_number(r.get("null_auc")) else ""
        if any(is_number(r.get("p_value")) for r in done):
            texts["p"] = lambda r: null_p_cell(r["p_value"], r["null_runs"]) if is_number(r.get("p_value")) else ""
    return texts


def _best(rows: Sequence[Row], places: Sequence[Place]) -> frozenset[tuple[int, int]]:
    """The best score of each named column; several where they are equal, none where there is a single score.

    Gains over floors on other samples are not compared: their places have no name.
    """
    best: set[tuple[int, int]] = set()
    for j, name in ((j, name) for j, (name, _) in enumerate(places) if name):
        ranks = {i: _rank(row.scores[j], name) for i, row in enumerate(rows) if row.scores[j] is not None}
        if len(ranks) > 1:
            best |= {(i, j) for i, rank in ranks.items() if rank <= min(ranks.values()) + EQUAL}
    return frozenset(best)


def _tied(records: Sequence[Record], places: Sequence[Place]) -> frozenset[tuple[int, int]]:
    """The scores that are not shown to be worse than the best; a gain is marked where its AUC is."""
    return frozenset(
        (i, j)
        for i, record in enumerate(records)
        for j, (name, _) in enumerate(places)
        if str(record.get(f"{'auc' if name in GAINS else name}_in_best_set")) == "True"
    )


def _header(run: Run, name: str, column: Values, over: str) -> str:
    """The title of a column of scores; below it are the steps of the axes that are columns."""
    title = known_columns()[name].title(run.within)
    title = f"{title} over {over}" if name == "gain" and over == run.location else title
    return "\n".join([title, ", ".join(column)]) if column else title


def _rank(score: Score | None, name: str) -> float:
    """What rows are sorted by: the best score first, rows without a score last."""
    if score is None:
        return math.inf
    return score.value if known_columns()[name].lower_is_better else -score.value


def _whole(record: Record, name: str) -> str:
    return str(int(record[name])) if is_number(record.get(name)) else ""
