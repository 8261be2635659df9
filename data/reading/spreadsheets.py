"""Reads CSV and Excel tables as text and finds their columns."""

from __future__ import annotations

import csv
import unicodedata
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from data.base import DataError
from data.text.names import closest

if TYPE_CHECKING:
    import pandas as pd

# Words such as "None" may be labels, so they are not missing everywhere.
_STATED = ("NA", "N/A", "NaN", "nan")
_UNSTATED = ("NULL", "null", "Null", "(null)", "<NA>", "\\N")
_ERRORS = ("#N/A", "#N/A N/A", "#NA", "#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!")  # of spreadsheets
MISSING = frozenset(("", *_STATED, *_UNSTATED, *_ERRORS))
"""The cells that mean a missing value in every column but one of ids."""

MOST_COLUMNS = 1 << 14  # those of an Excel sheet
_MOST_BYTES = 1 << 29  # of an Excel file, unpacked
_LISTED = 30


def read(path: Path) -> pd.DataFrame:
    """A table's cells as text, NaN where they are empty; the index is the line (or row) in the file, from 2.

    Cells keep blanks around their text, and words for a missing value: `column` and `ids` take them away.

    Raises:
        DataError: The file is missing, or not a table.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file" + ("" if path.is_absolute() else f" in {Path.cwd()}"))
    try:
        table = _excel(path) if path.suffix.lower() in (".xlsx", ".xls") else _text(path)
    except DataError:
        raise
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is not UTF-8 text: save it as 'CSV UTF-8' or .xlsx") from error
    except Exception as error:  # each reader and each zip member has its own errors
        raise DataError(f"{path}: can't be read as a table: {str(error).strip().splitlines()[-1]}") from error
    first = table.iloc[:, 0].astype("str").str.strip()
    bare = table[(first == "") | table.iloc[:, 0].isna()]
    blank = [line for line, cells in bare.iterrows() if not any(str(cell).strip() for cell in cells.dropna())]
    return table.drop(index=blank)


def _text(path: Path) -> pd.DataFrame:
    import pandas as pd

    with path.open(encoding="utf-8-sig", newline="") as file:
        start = file.readline()
        file.seek(0)
        separator = _separator(start)
        lines = csv.reader(file, delimiter=separator)
        names = next(lines, [])
        for cells in lines:
            if cells and len(cells) < len(names):
                have = f"line {lines.line_num} has {len(cells)} cells and the header {len(names)}"
                raise DataError(f"{path}: {have}: is the file cut short?")
    _check_width(path, len(names))
    table = pd.read_csv(
        path,
        sep=separator,
        dtype=str,
        keep_default_na=False,
        na_values=[""],
        skip_blank_lines=False,
        encoding="utf-8-sig",
    )
    if not isinstance(table.index, pd.RangeIndex):
        raise DataError(f"{path}: its lines have more fields than its header: do they end with a comma?")
    if len(names) == table.shape[1]:  # pandas renames the second of two equal names
        table.columns = pd.Index([_clean(name) for name in names])
    table.index += 2
    return table


def _excel(path: Path) -> pd.DataFrame:
    import pandas as pd

    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
        if unpacked > _MOST_BYTES:
            raise DataError(f"{path}: unpacks to {unpacked / 2**30:.1f} GiB: save the table as CSV")
    cells = pd.read_excel(path, header=None, dtype=str, keep_default_na=False, na_values=[""])
    if cells.empty:
        raise DataError(f"{path}: can't be read as a table: its first sheet is empty")
    _check_width(path, cells.shape[1])
    table: pd.DataFrame = cells.iloc[1:].copy()
    table.columns = pd.Index([_clean(str(name)) for name in cells.iloc[0].fillna("")])
    table.index += 1
    return table


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
