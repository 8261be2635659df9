"""Reads CSV and Excel tables as text and finds their columns."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from data.base import DataError
from data.text.names import closest

if TYPE_CHECKING:
    import pandas as pd

# Words such as "None" may be labels, so they are not empty.
_EMPTY = ["", "NA", "N/A", "NaN", "nan"]


def read(path: Path) -> pd.DataFrame:
    """A table's cells as stripped text, NaN for empty cells; the index is the line (or row) in the file, from 2.

    Raises:
        DataError: The file is missing, or not a table.
    """
    import pandas as pd

    if not path.is_file():
        raise DataError(f"{path}: no such file" + ("" if path.is_absolute() else f" in {Path.cwd()}"))
    try:
        if path.suffix.lower() in (".xlsx", ".xls"):
            table = pd.read_excel(path, dtype=str, keep_default_na=False, na_values=_EMPTY)
        else:
            with path.open(encoding="utf-8-sig") as file:
                header = file.readline()
            table = pd.read_csv(
                path,
                sep=_separator(header),
                dtype=str,
                keep_default_na=False,
                na_values=_EMPTY,
                skip_blank_lines=False,
                encoding="utf-8-sig",
            )
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is not UTF-8 text: save it as 'CSV UTF-8' or .xlsx") from error
    except Exception as error:  # each reader and each zip member has its own errors
        raise DataError(f"{path}: can't be read as a table: {str(error).strip().splitlines()[-1]}") from error
    if not isinstance(table.index, pd.RangeIndex):
        raise DataError(f"{path}: its lines have more fields than its header: do they end with a comma?")
    table.columns = [" ".join(str(name).split()) for name in table.columns]
    table.index += 2
    text = table.apply(lambda column: column.astype("str").str.strip())
    filled: pd.DataFrame = text.mask(text.isin(_EMPTY)).dropna(how="all")
    return filled


def _separator(header: str) -> str:
    """A comma, a semicolon (Excel writes it where the comma is decimal), or a bar as in OAI's tables."""
    return next((mark for mark in ";|" if mark in header and "," not in header), ",")


def first(folder: Path, names: tuple[str, ...]) -> Path | None:
    """The first of these files that the folder holds; None if it holds none."""
    return next((folder / name for name in names if (folder / name).is_file()), None)


def column(table: pd.DataFrame, names: str | tuple[str, ...], path: Path) -> pd.Series[str]:
    """A column by its name, or by the first of several spellings; upper and lower case are the same.

    Raises:
        DataError: There is no such column; the message gives the nearest and lists all.
    """
    wanted = (names,) if isinstance(names, str) else names
    known = {str(name).casefold(): name for name in table.columns}
    for name in wanted:
        if name.casefold() in known:
            found: pd.Series[str] = table[known[name.casefold()]]
            return found
    close = closest(wanted[0].casefold(), known)
    meant = f": did you mean '{known[close]}'?" if close else "."
    raise DataError(f"{path}: no column '{wanted[0]}'{meant} It has {', '.join(map(str, table.columns))}")
