"""Means of scores over the axes that a table does not name."""

from __future__ import annotations

import math
from collections.abc import Sequence

from results.scores.records import Record, is_number
from results.tables.columns import GAINS
from results.tables.columns import columns as known_columns
from results.tables.formats import Score

Values = tuple[str, ...]


class Means:
    """The cells of one target, averaged over the axes that are neither rows nor columns.

    Args:
        cells: The cells of the target.
        rows: The axes whose steps are rows.
        columns: The axes whose steps are columns.
        rest: The axes that are averaged over.

    Attributes:
        missing: For each empty place of the table the cells of its mean that are not done.
    """

    def __init__(self, cells: list[Record], rows: Sequence[str], columns: Sequence[str], rest: Sequence[str]) -> None:
        self.rows = list(dict.fromkeys(values(cell, rows) for cell in cells))
        self.columns = list(dict.fromkeys(values(cell, columns) for cell in cells))
        self.averaged = list(dict.fromkeys(values(cell, rest) for cell in cells))
        self.cells = {(values(c, rows), values(c, columns), values(c, rest)): c for c in cells}
        self.missing: dict[str, list[str]] = {}

    def score(self, row: Values, column: Values, name: str) -> Score | None:
        """The mean of a metric, or None where a cell of it is not done."""
        cells = {rest: self.cells.get((row, column, rest)) for rest in self.averaged}
        lacking = [", ".join(rest) for rest, cell in cells.items() if cell is None or cell["status"] != "done"]
        if lacking:
            if len(self.averaged) > 1:
                self.missing[", ".join([*row, *column])] = lacking
            return None
        return mean([cell for cell in cells.values() if cell is not None], name)


def mean(cells: Sequence[Record], name: str) -> Score | None:
    """The mean of a metric over cells, with the interval if it is one cell; None where a cell has no score."""
    scores = [float(cell[name]) for cell in cells if is_number(cell.get(name))]
    if len(scores) < len(cells):
        return None
    low, high = cells[0].get(f"{name}_low"), cells[0].get(f"{name}_high")
    if len(cells) > 1 or not is_number(low):
        low, high = None, None
    decimals = known_columns()[name].decimals
    return Score(math.fsum(scores) / len(scores), low, high, signed=name in GAINS, decimals=decimals)


def values(cell: Record, axes: Sequence[str]) -> Values:
    """The steps of a cell on some axes."""
    return tuple(str(cell[axis]) for axis in axes)
