"""Tables as text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.api.errors import ArgumentError, cell_text, check_names, writing
from bench.grid.cells import read_rule
from results import ResultsError
from results.run_folder import Run
from results.scores.labels import split_outside_brackets
from results.scores.named import one_cell, steps_of
from results.tables.main import draw, sheets, table, write

if TYPE_CHECKING:
    from results.run_folder import RunCell
    from results.tables.formats import Sheet

MAIN = "main"


def text(
    run: Run,
    *,
    rows: Sequence[str],
    columns: Sequence[str],
    metrics: Sequence[str],
    against: Mapping[str, str] | str | int | None,
    preset: str,
    flip: float | None,
    published: Path | None,
    format: str,  # noqa: A002
    out: Path | None,
) -> str:
    """The tables, or the name of the file that they were written to. `Results.tables` explains the arguments.

    Raises:
        ArgumentError: Arguments that exclude each other.
        ResultsError: An unknown axis, metric, preset or format.
    """
    check_names(rows=rows, columns=columns, metrics=metrics)
    shown: dict[str, Any] = {"rows": rows, "columns": columns, "metrics": metrics}
    shown["against"] = steps_against(run, against)
    if flip is not None and (preset != MAIN or against or rows or columns or published is not None):
        raise ArgumentError("--flip can't be combined with --preset, --rows, --columns, --against or --published")
    if published is not None:
        from results.tables.published import published as published_table

        return published_table(run, published, format=format)
    if preset != MAIN and any(shown.values()):
        raise ArgumentError(f"--preset {preset} can't be combined with --rows, --columns, --metrics or --against")
    if preset == MAIN and flip is None and out is None:
        return table(run, format=format, **shown)
    found: list[Sheet]
    if flip is not None:
        from results.tables.flips import flip_sheets

        found = flip_sheets(run, flip, metrics=list(metrics))
    elif preset == MAIN:
        found = sheets(run, **shown)
    else:
        from results.tables import presets

        found = presets.of(run, preset)
    if out is None:
        return draw(found, format)
    with writing(out):
        return str(write(found, out))


def named_cell(run: Run, cell: str | int) -> RunCell:
    """The cell of a run that is named by its number, its key, its steps or its label.

    Raises:
        ArgumentError: It is no cell, or several; the message lists them.
    """
    try:
        return one_cell(run.cells, cell_text(cell), run.folder)
    except ResultsError as error:
        raise ArgumentError(str(error)) from error


def steps_against(run: Run, against: Mapping[str, str] | str | int | None) -> Mapping[str, str] | None:
    """The steps of the cell that gains are over; None for the floor that they are usually over.

    Raises:
        ResultsError: A text names no cell, or several with other steps.
    """
    if against is None or isinstance(against, Mapping):
        return against
    against = cell_text(against)
    parts = split_outside_brackets(against, ",")
    if all(re.match(r"[^(\[{]*=", part) for part in parts):  # `the_cell` looks for these in each target
        return read_rule(against) or None
    return steps_of(run.cells, against, run.folder)
