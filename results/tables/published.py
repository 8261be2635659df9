"""The rows of a published table next to the cells of a run with the same steps."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from data.text.names import nearest
from results import ResultsError
from results.run_folder import Run, RunCell, head_name
from results.scores import reconstruction
from results.scores.labels import shorten
from results.scores.named import the_cell
from results.scores.records import Record, is_number
from results.scores.records import records as records_of
from results.scores.scores import scores
from results.statistics.metrics import METRICS
from results.tables import formats, notes
from results.tables.formats import Row, Score, Sheet
from results.tables.latex import latex

PUBLISHED = "published_"
MARGIN = 0.01
HERE = ("encoders", "heads")  # shown next to a published row, so that a reader sees untrained weights


def published(run: Run, file: Path, *, format: str = "text", resamples: int = 2000) -> str:  # noqa: A002
    """The table of a paper, row by row, with the scores of the same steps here.

    Args:
        run: A run folder.
        file: A CSV file: `row` (the published words), a column for each axis that names the row's cell (the step's
            label, or its name without fields; empty for any step), and `published_METRIC` columns, as fractions.
        format: `text`, `md` or `latex`.
        resamples: Draws of the bootstrap.

    Raises:
        ResultsError: The file can't be used, or a row names several cells.
    """
    lines, axes, metrics = _read(file, run)
    draw = {"text": formats.text, "md": formats.markdown, "latex": latex}.get(format)
    if draw is None:
        raise ResultsError(f"--published has no format '{format}': use one of text, md, latex")
    frame = scores(run, [*metrics, "auc"], resamples=resamples)
    failed = reconstruction.collapsed(run)
    sheets = []
    for target in run.targets:
        records = {str(r["key"]): r for r in records_of(frame, target)}
        cells = [cell for cell in run.cells if cell.target == target]
        short = {axis: shorten(cell.axes[axis] for cell in cells if not cell.floor) for axis in HERE}
        rows = [_row(line, axes, metrics, cells, records, short, failed) for line in lines]
        full = [label for names in short.values() for label, name in names.items() if name != label]
        done = [r for r in records.values() if r["status"] == "done"]
        floors = [
            Row((str(r["heads"]), *("" for _ in HERE)), _scores(r, metrics, {}))
            for r in done
            if r["floor"] and head_name(str(r["heads"])) in run.floors
        ]
        about = notes.of_target(run, frame, list(records.values()), varying=axes, metrics=metrics)
        sheets.append(
            Sheet(
                target=target,
                title=f"{target}: {run.dataset}, run {run.name}, next to {file.name}",
                labels=("Published row", *(f"{axis} here" for axis in HERE)),
                headers=tuple(
                    header
                    for title in (METRICS[m].title(run.within) for m in metrics)
                    for header in (title, f"{title}\npublished")
                ),
                extras=(),
                rows=tuple(rows),
                floors=tuple(floors),
                notes=(
                    "Published scores are from other data: they show what was reported and are not compared with ours.",
                    *about,
                    *_near_majority(done),
                    *([f"In full: {'; '.join(full)}."] if full else []),
                ),
            )
        )
    return "\n\n".join(draw(sheet) for sheet in sheets)


def _near_majority(done: Sequence[Record]) -> Iterator[str]:
    """How many cells are hardly more or less accurate than always naming the most frequent class, as `prior` does."""
    rate = next(
        (r["accuracy"] for r in done if head_name(str(r["heads"])) == "prior" and is_number(r.get("accuracy"))), None
    )
    if rate is None:
        return
    found = [r["accuracy"] for r in done if not r["floor"] and is_number(r.get("accuracy"))]
    near = sum(abs(value - rate) <= MARGIN + 1e-12 for value in found)
    yield (
        f"{near} of {len(found)} cells have an accuracy within {MARGIN} of {rate:.3f}, "
        "which always naming the most frequent class reaches."
    )


def _read(file: Path, run: Run) -> tuple[list[dict[str, str]], list[str], list[str]]:
    """The lines of the file, the axes that its columns name, and its metrics."""
    import csv

    try:
        with file.open(encoding="utf-8-sig", newline="") as opened:
            lines = list(csv.DictReader(opened))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ResultsError(f"{file}: can't be read as a CSV file: {error}") from error
    columns = [name for name in lines[0] if name is not None] if lines else []  # None: cells beyond the first line's
    metrics = [name.removeprefix(PUBLISHED) for name in columns if name.startswith(PUBLISHED)]
    axes = [name for name in columns if name != "row" and not name.startswith(PUBLISHED)]
    if "row" not in columns or not metrics:
        raise ResultsError(f"{file}: needs a column `row` and at least one such as `published_auc`, it has {columns}")
    for name, known in [(m, METRICS) for m in metrics] + [(a, run.axes) for a in axes]:
        if name not in known:
            raise ResultsError(f"{file}: no metric or axis '{name}'{nearest(name, known)}")
    for number, line in enumerate(lines, start=2):
        if None in line or None in line.values():
            raise ResultsError(f"{file}, line {number}: not {len(columns)} fields; a field with a comma needs quotes")
        for name in metrics:
            try:
                float(line[PUBLISHED + name] or 0)
            except ValueError:
                given = line[PUBLISHED + name]
                raise ResultsError(f"{file}, line {number}: {PUBLISHED}{name} ({given}) is no number") from None
    return lines, axes, metrics


def _row(
    line: Mapping[str, str],
    axes: list[str],
    metrics: list[str],
    cells: list[RunCell],
    records: Mapping[str, Record],
    short: Mapping[str, Mapping[str, str]],
    failed: Container[str],
) -> Row:
    given = {m: float(line[PUBLISHED + m]) for m in metrics if line[PUBLISHED + m]}
    named = {axis: line[axis] for axis in axes if line[axis]}
    try:
        cell = the_cell(cells, named)
    except ResultsError as error:
        if "cells of" in str(error):
            raise
        return Row((line["row"], *("" for _ in HERE[1:]), "not in this run"), _scores({}, metrics, given))
    state = "" if cell.status == "done" else f"{cell.status.upper()}: {cell.reason}" if cell.reason else cell.status
    steps = [short[axis].get(cell.axes[axis], cell.axes[axis]) for axis in HERE]
    *others, head = reconstruction.marked(steps, HERE, [cell.key], failed)
    return Row((line["row"], *others, state or head), _scores(records[cell.key], metrics, given))


def _scores(record: Mapping[str, Any], metrics: list[str], given: Mapping[str, float]) -> tuple[Score | None, ...]:
    found: list[Score | None] = []
    for m in metrics:
        value = record.get(m)
        low, high = record.get(f"{m}_low"), record.get(f"{m}_high")
        ours = Score(value, low, high, n=int(record["n_samples"])) if is_number(value) else None
        found += [ours, Score(given[m]) if m in given else None]
    return tuple(found)
