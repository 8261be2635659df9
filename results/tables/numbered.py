"""The numbers of cells in the first column of a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from results.run_folder import Run
from results.tables.formats import NUMBER, Sheet


def with_numbers(run: Run, sheet: Sheet, keys: Sequence[str]) -> Sheet:
    """The sheet with the number of each cell in a first column, by which commands find it.

    Args:
        run: A run folder.
        sheet: A sheet with a row for each cell.
        keys: The key of each row's cell, floors last; empty where a row is no single cell.
    """
    number = {cell.key: str(cell.number) for cell in run.cells} | {"": ""}
    rows = [
        replace(row, labels=(number[key], *row.labels))
        for row, key in zip([*sheet.rows, *sheet.floors], keys, strict=True)
    ]
    n = len(sheet.rows)
    return replace(sheet, labels=(NUMBER, *sheet.labels), rows=tuple(rows[:n]), floors=tuple(rows[n:]))
