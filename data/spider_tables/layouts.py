"""A table of gradings as rows of patient, disc, level and grades, from SPIDER's layout or that of annotations.xlsx."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.reading.tables import spreadsheets
from data.text.spelling import spelling

if TYPE_CHECKING:
    import pandas as pd

_PATIENT, _DISC = ("Patient", "Subject ID"), ("IVD label", "IVD number")


def read(path: Path, grades: Mapping[str, tuple[str, ...]], scanned: Collection[str]) -> tuple[pd.DataFrame, list[str]]:
    """The rows of a table of gradings as text, and notes on how they were read.

    In the layout of `annotations.xlsx`, `Subject ID` stands in a patient's first row, with remarks below it; discs
    count upwards within a patient. The ids are filled down.

    Args:
        path: The table.
        grades: The spellings of each grade's column.
        scanned: The patients who have images.

    Returns:
        A table with the columns `patient`, `disc`, `level`, the grades and `line`; and notes.

    Raises:
        DataError: The table can't be read, or lacks a column.
    """
    import pandas as pd

    notes: list[str] = []
    table = spreadsheets.read(path, notes)
    in_blocks = spreadsheets.find(table, _PATIENT[0], path) is None and (
        spreadsheets.find(table, _PATIENT[1], path) is not None
    )
    patient, disc = (_PATIENT[1], _DISC[1]) if in_blocks else (_PATIENT[0], _DISC[0])
    ids = spreadsheets.ids(table, patient, path)
    rows = pd.DataFrame({"patient": ids, "disc": spreadsheets.column(table, disc, path)})
    rows["level"] = None
    if in_blocks:
        filled, remarks = _filled(rows, scanned)
        notes += _remarks(path, table, filled, remarks)
        rows["patient"] = filled
        rows["level"] = spreadsheets.column(table, "Level", path).map(_level, na_action="ignore")
    rows["patient"] = as_scanned(rows["patient"], scanned, path, notes)
    for name, spellings in grades.items():
        rows[name] = spreadsheets.column(table, spellings, path)
    rows["line"] = rows.index
    return rows, notes


def as_scanned(patients: pd.Series[str], scanned: Collection[str], path: Path, notes: list[str]) -> pd.Series[str]:
    """The ids of patients as the files of their images spell them; a note is added if a table spells them otherwise."""
    known = {spelling(patient): patient for patient in scanned}
    found: pd.Series[str] = patients.map(lambda one: known.get(spelling(one), one), na_action="ignore")
    changed = patients[patients.notna() & (found != patients)]
    if len(changed):
        notes.append(
            f"{path.name}: patient '{changed.iloc[0]}' (line {changed.index[0]}) is read as "
            f"'{found[changed.index[0]]}', as the images are named; {changed.nunique()} ids are spelt otherwise."
        )
    return found


def _filled(rows: pd.DataFrame, scanned: Collection[str]) -> tuple[pd.Series[str], dict[int, str]]:
    """The patient of each row, and remarks in the column of ids, by line."""
    import pandas as pd

    known = {spelling(patient) for patient in scanned}
    patients: list[str | None] = []
    remarks: dict[int, str] = {}
    current, before = None, math.inf
    numbers = pd.to_numeric(rows["disc"], errors="coerce")
    for line, cell, number in zip(rows.index.tolist(), rows["patient"], numbers, strict=True):
        first = bool(number <= before)  # False for a missing number
        if isinstance(cell, str) and (first or spelling(cell) in known or re.fullmatch(r"\d+(\.0)?", cell)):
            current = cell
        elif first:
            current = None
        elif isinstance(cell, str):
            remarks[line] = cell
        before = before if math.isnan(number) else number
        patients.append(current)
    return pd.Series(patients, index=rows.index, dtype="str"), remarks


def _remarks(path: Path, table: pd.DataFrame, patients: Any, remarks: dict[int, str]) -> list[str]:
    """A note for each remark, in the column of ids or in one without a name."""
    found: list[tuple[Any, str]] = list(remarks.items())
    for place, name in enumerate(table.columns):
        if not str(name):
            cells = table.iloc[:, place].dropna().astype("str").str.strip()
            found += [(line, cell) for line, cell in cells.items() if cell]
    return [
        f"{path.name}, line {line}: patient {patients[line]} has the remark '{remark}'."
        for line, remark in sorted(found)
    ]


def _level(cell: str) -> str:
    return re.sub(r"\s*[-/\u2013]\s*", "/", cell.upper())
