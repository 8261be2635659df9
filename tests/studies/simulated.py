"""What simulations measured, and the tables of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from tabulate import tabulate


@dataclass(frozen=True)
class Line:
    """One row of the table, or one place of a table whose columns are alternatives (`crossed`)."""

    what: str
    patients: int
    measured: float
    error: float
    simulations: int
    wanted: str = ""
    column: str = ""

    @classmethod
    def of(cls, what: str, patients: int, values: np.ndarray, wanted: str = "", column: str = "") -> Line:
        """The mean of one value per simulation, with its Monte Carlo standard error."""
        error = values.std(ddof=1) / np.sqrt(len(values))
        return cls(what, patients, float(values.mean()), float(error), len(values), wanted, column)


def crossed(title: str, lines: list[Line]) -> str:
    """Markdown: a row for each setting, and a column for each alternative."""
    columns = list(dict.fromkeys(line.column for line in lines))
    rows: dict[tuple[str, int, int], dict[str, str]] = {}
    for line in lines:
        place = (line.what.partition(": ")[2], line.patients, line.simulations)
        rows.setdefault(place, {})[line.column] = f"{line.measured:.3f}"
    drawn = [(*place, *(found.get(column, "") for column in columns)) for place, found in rows.items()]
    header = (title, "Patients", "Simulations", *columns)
    return tabulate(drawn, header, tablefmt="pipe", disable_numparse=True)


def table(lines: list[Line]) -> str:
    """Markdown."""
    rows = [
        (line.what, line.patients, line.simulations, f"{line.measured:.3f}", f"{line.error:.3f}", line.wanted)
        for line in lines
    ]
    header = ("What", "Patients", "Simulations", "Measured", "MC standard error", "Wanted")
    return tabulate(rows, header, tablefmt="pipe", disable_numparse=True)
