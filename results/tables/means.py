"""Means of scores over the axes that a table does not name."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from results.scores.means import MeanDraws
from results.scores.records import NOTHING, Record, is_number, varying
from results.tables.columns import GAINS
from results.tables.columns import columns as known_columns
from results.tables.formats import Score

Values = tuple[str, ...]

OF_SEVERAL = ("drop", "missing")
"""Axes that only cells of several sequences have."""

NO_STEP = "none"


class Means:
    """The cells of one target, averaged over the axes that are neither rows nor columns.

    Args:
        cells: The cells of the target.
        rows: The axes whose steps are rows.
        columns: The axes whose steps are columns.
        rest: The axes that are averaged over.
        draws: What gives a mean its interval.

    Attributes:
        missing: For each empty place of the table the cells that its mean lacks, not done or not in the grid.
        sizes: The numbers of cells that the filled places are means over.
    """

    def __init__(
        self,
        cells: list[Record],
        rows: Sequence[str],
        columns: Sequence[str],
        rest: Sequence[str],
        draws: MeanDraws,
    ) -> None:
        self._draws = draws
        self.rows = list(dict.fromkeys(values(cell, rows) for cell in cells))
        self.columns = list(dict.fromkeys(values(cell, columns) for cell in cells))
        self.averaged = list(dict.fromkeys(values(cell, rest) for cell in cells))
        self.cells = {(values(c, rows), values(c, columns), values(c, rest)): c for c in cells}
        self._of_several = [i for i, axis in enumerate(rest) if axis in OF_SEVERAL]
        self.missing: dict[str, list[str]] = {}
        self.sizes: set[int] = set()

    def score(self, row: Values, column: Values, name: str) -> Score | None:
        """The mean of a metric, or None where it lacks a cell."""
        cells = {rest: self.cells.get((row, column, rest)) for rest in self._asked(row, column)}
        lacking = [
            f"{', '.join(rest)}{', which is not in the grid' if cell is None else ''}"
            for rest, cell in cells.items()
            if cell is None or cell["status"] != "done"
        ]
        if lacking:
            if len(self.averaged) > 1:
                self.missing[", ".join([*row, *column])] = lacking
            return None
        self.sizes.add(len(cells))
        return mean([cell for cell in cells.values() if cell is not None], name, self._draws)

    def _asked(self, row: Values, column: Values) -> list[Values]:
        """The settings that the mean of a place is over: all, but for axes that cells of one sequence do not have."""
        there = [rest for r, c, rest in self.cells if (r, c) == (row, column)]
        unused = {i for i in self._of_several if there and all(rest[i] in NOTHING for rest in there)}
        used = {i for i in self._of_several if there and all(rest[i] not in NOTHING for rest in there)}
        asked = (rest for rest in self.averaged if not any(rest[i] in NOTHING for i in used))
        found = (tuple(NO_STEP if i in unused else s for i, s in enumerate(rest)) for rest in asked)
        return list(dict.fromkeys(found))


def mean(cells: Sequence[Record], name: str, draws: MeanDraws) -> Score | None:
    """The mean of a metric over cells, with its interval; None where a cell has no score."""
    scores = [float(cell[name]) for cell in cells if is_number(cell.get(name))]
    if len(scores) < len(cells):
        return None
    low, high = cells[0].get(f"{name}_low"), cells[0].get(f"{name}_high")
    if len(cells) > 1:
        value = math.fsum(scores) / len(scores)
        low, high = draws.interval([cell["key"] for cell in cells], name, value) or (None, None)
    if not is_number(low):
        low, high = None, None
    return Score(
        math.fsum(scores) / len(scores),
        low,
        high,
        signed=name in GAINS,
        decimals=known_columns()[name].decimals,
        n=min(int(cell["n_samples"]) for cell in cells),
    )


def averaging(done: Sequence[Record], averaged: Sequence[str]) -> Iterator[str]:
    """What a pivot averages over, and on which samples, in sentences.

    Args:
        done: The cells and floors of the target that are done.
        averaged: The axes that are averaged over.
    """
    yield (
        f"Numbers are means over {', '.join(averaged)}, in which each cell counts the same. The interval of a mean is "
        "that of the mean itself: its cells are scored in the same resamples."
    )
    cells, floors = [r for r in done if not r["floor"]], [r for r in done if r["floor"]]
    if len({(cell["n_patients"], cell["n_samples"]) for cell in cells}) > 1:
        yield "Cells of a mean may be on different samples: each is scored on its own, and patients are drawn together."
    if any(varying(averaged, [one for one in floors if one["heads"] == floor["heads"]]) for floor in floors):
        yield "Floors that differ on these axes are averaged too."


def values(cell: Record, axes: Sequence[str]) -> Values:
    """The steps of a cell on some axes."""
    return tuple(str(cell[axis]) for axis in axes)
