"""Reads CSV and Excel tables as text and finds their columns."""

from __future__ import annotations

import csv
import unicodedata
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from data.base import DataError
from data.reading.tables import workbooks
from data.text.names import closest

if TYPE_CHECKING:
    import pandas as pd

# Words such as "None" may be labels, so they are not missing everywhere.
_STATED = ("NA", "N/A", "NaN", "nan")
_UNSTATED = ("NULL", "null", "Null", "(null)", "<NA>", "\\N")
_ERRORS = ("#N/A", "#N/A N/A", "#NA", "#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!")  # of spreadsheets
MISSING = frozenset(("", *_STATED, *_UNSTATED, *_ERRORS))
"""The cells that mean a missing value in every column but one of ids."""

SEMICOLONS = "semicolons"
"""The attribute of a table whose columns are parted by semicolons, as in countries where the comma parts decimals."""

MOST_COLUMNS = 1 << 14  # those of an Excel sheet
_LISTED = 30


def read(path: Path, notes: list[str] | None = None) -> pd.DataFrame:
    """A table's cells as text, NaN where they are empty; the index is the line (or row) in the file, from 2.

    Cells keep blanks around their text, and words for a missing value: `column` and `ids` take them away. A row whose
    cells hold line breaks has the line in which it begins.

    Args:
        path: A CSV or Excel file. `FILE.xlsx#SHEET` names a sheet of an Excel file.
        notes: What else is in an Excel file is added to it; None refuses a file with more than one table.

    Raises:
        DataError: The file is missing, or not a table.
    """
    file, sheet = workbooks.split(path)
    if not file.is_file():
        if file.is_dir():
            raise DataError(f"{file}: is a folder: name the table in it")
        raise DataError(f"{file}: no such file" + ("" if file.is_absolute() else f" in {Path.cwd()}"))
    try:
        table = _excel(file, sheet, notes) if sheet or workbooks.is_workbook(file) else _text(file)
    except DataError:
        raise
    except zipfile.BadZipFile as error:
        raise DataError(f"{file}: can't be read as a table: it is damaged or cut short: copy it again") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{file}: is not UTF-8 text: save it as 'CSV UTF-8' or .xlsx") from error
    except Exception as error:  # each reader and each zip member has its own errors
        why = (str(error).strip() or type(error).__name__).splitlines()[-1]
        raise DataError(f"{file}: can't be read as a table: {why}") from error
    bare = table[table.iloc[:, 0].fillna("").astype("str").str.strip() == ""]
    filled = bare.apply(lambda cells: cells.fillna("").astype("str").str.strip() != "").any(axis=1)
    kept: pd.DataFrame = table.drop(index=bare.index[~filled.astype(bool)])
    return kept


def _text(path: Path) -> pd.DataFrame:
    import pandas as pd

    with path.open(encoding="utf-8-sig", newline="") as file:
        start = file.readline()
        file.seek(0)
        separator = _separator(start)
        rows = csv.reader(file, delimiter=separator)
        names = next(rows, [])
        lines, begins = [], rows.line_num + 1  # a quoted cell may hold line breaks
        for cells in rows:
            if cells and len(cells) != len(names):
                have = f"line {begins} has {len(cells)} cells and the header {len(names)}"
                raise DataError(f"{path}: {have}: {_why_uneven(names, cells, separator)}")
            lines.append(begins)
            begins = rows.line_num + 1
    _check_width(path, len(names))
    try:
        table = pd.read_csv(
            path,
            sep=separator,
            dtype=str,
            keep_default_na=False,
            na_values=[""],
            skip_blank_lines=False,
            encoding="utf-8-sig",
        )
    except pd.errors.ParserError as error:
        if "EOF inside string" not in str(error) or not lines:
            raise
        why = f"a quote in the row that begins in line {lines[-1]} has no end: close it, or write it twice"
        raise DataError(f"{path}: {why}") from error
    if len(table) != len(lines):
        raise DataError(f"{path}: its quotes can be read in two ways, as {len(table)} or {len(lines)} rows: mend them")
    if len(names) == table.shape[1]:  # pandas renames the second of two equal names
        table.columns = pd.Index([_clean(name) for name in names])
    table.index = pd.Index(lines, dtype="int64")
    table.attrs[SEMICOLONS] = separator == ";"
    return table


def _why_uneven(names: list[str], cells: list[str], separator: str) -> str:
    """What is usually wrong with a row of more or fewer cells than the header."""
    if len(cells) < len(names):
        return "is the file cut short?"
    if names[0].lstrip().startswith("#") or len(names) < 2:
        return "is its first line no header? Remove the lines above the names of the columns"
    if not any(cell.strip() for cell in cells[len(names) :]):
        return f"does it end with a '{separator}'?"
    return f"put a cell that holds a '{separator}' between double quotes"


def _excel(path: Path, sheet: str, notes: list[str] | None) -> pd.DataFrame:
    import numpy as np
    import pandas as pd

    rows, found = workbooks.read(path, sheet)
    if notes is None and found:
        raise DataError(found[0])
    notes = notes if notes is not None else []
    notes += found
    if not any(map(any, rows)):
        raise DataError(f"{path}: can't be read as a table: its sheet is empty")
    width = max(len(row) for row in rows)
    _check_width(path, width)
    header, *cells = ([*row, *[""] * (width - len(row))] for row in rows)
    names = pd.Index([_clean(name) for name in header])
    filled = [sum(1 for cell in row if cell) for row in (header, *cells[:1])]
    if filled[0] == 1 and filled[-1] > 1:
        raise DataError(
            f"{path}: row 1 has a single cell, and row 2 has {filled[-1]}: is it a title? Remove the rows above the "
            "names of the columns"
        )
    index = pd.RangeIndex(2, len(rows) + 1)
    return pd.DataFrame(cells, index=index, columns=names, dtype="str").replace("", np.nan)


def _check_width(path: Path, columns: int) -> None:
    if columns > MOST_COLUMNS:
        raise DataError(
            f"{path}: has {columns} columns, more than the {MOST_COLUMNS} that are read: is it a table with a row for "
            "each image? If it is, keep the columns that the grid names"
        )


def _clean(name: str) -> str:
    return unicodedata.normalize("NFC", " ".join(name.split()))


def _separator(header: str) -> str:
    """A comma, a semicolon (Excel writes it where the comma is decimal), a bar as in OAI's tables, or a tab."""
    return next((mark for mark in ";|\t" if mark in header and "," not in header), ",")


def first(folder: Path, names: tuple[str, ...]) -> Path | None:
    """The first of these files that the folder holds; None if it holds none."""
    return next((folder / name for name in names if (folder / name).is_file()), None)


def find(table: pd.DataFrame, names: str | tuple[str, ...], path: Path) -> int | None:
    """The place of a column by its name, or by the first of several spellings; None if there is none.

    A name as it is written wins; only without one, upper and lower case are the same.

    Raises:
        DataError: Several columns have the name.
    """
    wanted = [_clean(name) for name in ((names,) if isinstance(names, str) else names)]
    columns = [str(name) for name in table.columns]
    for alike in (str, str.casefold):
        for name in wanted:
            found = [i for i, column in enumerate(columns) if alike(column) == alike(name)]
            if len(found) > 1:
                several = " and ".join(f"'{columns[i]}'" for i in found[:3])
                way_out = "rename one" if alike is str else "write the name as one of them is written"
                raise DataError(f"{path}: '{name}' may be {several} (columns {_numbered(found)}): {way_out}")
            if found:
                return found[0]
    return None


def column(table: pd.DataFrame, names: str | tuple[str, ...], path: Path) -> pd.Series[str]:
    """A column's cells without the blanks around them, NaN where a cell is empty or a word for a missing value.

    Args:
        table: What `read` gave.
        names: Its name, or several spellings of it; see `find`.
        path: The table's file.

    Raises:
        DataError: There is no such column, or several; the message gives the nearest, and lists all.
    """
    cells = ids(table, names, path)
    found: pd.Series[str] = cells.mask(cells.isin(MISSING))
    return found


def ids(table: pd.DataFrame, names: str | tuple[str, ...], path: Path) -> pd.Series[str]:
    """As `column`, for names of patients and the like: `NA`, `null` and `None` are names, and only blank is missing."""
    place = find(table, names, path)
    if place is None:
        wanted = names if isinstance(names, str) else names[0]
        known = {str(name).casefold(): str(name) for name in table.columns}
        close = closest(wanted.casefold(), known)
        meant = f": did you mean '{known[close]}'?" if close else "."
        raise DataError(f"{path}: no column '{wanted}'{meant} It has {listed(table)}")
    stripped = table.iloc[:, place].astype("str").str.strip()
    found: pd.Series[str] = stripped.mask(table.iloc[:, place].isna() | (stripped == ""))
    return found.rename(str(table.columns[place]))


def listed(table: pd.DataFrame) -> str:
    """The names of a table's columns for a message, the first of many."""
    names = [str(name) for name in table.columns]
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more


def _numbered(places: list[int]) -> str:
    return " and ".join(str(place + 1) for place in places[:3])
