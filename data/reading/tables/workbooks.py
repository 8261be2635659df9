"""Reads one sheet of an Excel file as text, and says what a table can't show: other sheets, merged and hidden cells."""

from __future__ import annotations

import re
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from data.base import DataError
from data.text.names import nearest

_SHEET = re.compile(r"(.+?\.xls[xm]?)#(.+)", re.IGNORECASE)
_MOST_BYTES = 1 << 29  # of an Excel file, unpacked
_OLD = b"\xd0\xcf\x11\xe0"  # Excel until 2003, and newer files with a password
_MERGED, _HIDDEN, _FORMULA = b"mergeCell ", b"hidden=", re.compile(rb"<(?:\w+:)?f[ >/]")
_SHOWN = 3
_EXACT = 10**15  # numbers of up to 15 digits are exact in a spreadsheet


def split(path: Path) -> tuple[Path, str]:
    """A file, and the name of a sheet behind `#`: `scans.xlsx#Second reading`; "" where none is named."""
    named = _SHEET.fullmatch(path.name)
    return (path.with_name(named[1]), named[2]) if named and not path.exists() else (path, "")


def is_workbook(path: Path) -> bool:
    """Whether a file is an Excel file, whatever its name.

    Raises:
        DataError: It is one of Excel's older kind, or has a password.
    """
    with path.open("rb") as file:
        start = file.read(4)
    if start == _OLD:
        raise DataError(f"{path}: is an old Excel file, or has a password: save the table as .xlsx or as 'CSV UTF-8'")
    return start == b"PK\x03\x04"  # so does every .xlsx begin


def read(path: Path, sheet: str = "") -> tuple[list[list[str]], list[str]]:
    """The cells of a sheet as text, row by row from row 1, and notes on what else is in the file.

    Numbers are whole where they can be, and an error such as `#N/A` is an empty text. Each of some merged cells has
    the text that they show. Rows may differ in length.

    Args:
        path: The file.
        sheet: The name of the sheet; "" takes the first that is neither hidden nor empty.

    Raises:
        DataError: There is no such sheet, a formula has no value, or the file is too large.
    """
    found = _what_is_inside(path)
    with _opened(path, read_only=True, data_only=True) as book:
        name = _chosen(path, book, sheet)
        rows = [[_text(cell) for cell in row] for row in _rows(book[name])]
        while rows and not any(rows[-1]):
            rows.pop()
        others = [other for other in book.worksheets if other.title != name and _has_cells(other)]
        notes = [] if sheet else _of_others(path, name, [other.title for other in others])
    if _FORMULA.search(found):
        _check_formulas(path, name)
    if _MERGED in found or _HIDDEN in found:
        notes += _merged_and_hidden(path, name, rows)
    return rows, notes


def _what_is_inside(path: Path) -> bytes:
    """The marks that occur in the sheets of a file, of those that are looked for."""
    marks = b""
    with zipfile.ZipFile(path) as archive:
        unpacked = sum(member.file_size for member in archive.infolist())
        if unpacked > _MOST_BYTES:
            raise DataError(f"{path}: unpacks to {unpacked / 2**30:.1f} GiB: save the table as CSV")
        for member in archive.namelist():
            if member.startswith("xl/worksheets/") and member.endswith(".xml"):
                content = archive.read(member)
                marks += b"".join(mark for mark in (_MERGED, _HIDDEN) if mark in content)
                marks += b"<f>" if _FORMULA.search(content) else b""
    return marks


@contextmanager
def _opened(path: Path, **how: bool) -> Iterator[Any]:
    import openpyxl

    with warnings.catch_warnings(), path.open("rb") as file:
        warnings.simplefilter("ignore")  # on drawings and rules of input, which a table does without
        book = openpyxl.load_workbook(file, **how)
        try:
            yield book
        finally:
            book.close()


def _chosen(path: Path, book: Any, sheet: str) -> str:
    """The name of the sheet to read."""
    known = [one.title for one in book.worksheets]
    if not sheet:
        seen = [one.title for one in book.worksheets if one.sheet_state == "visible"]
        if not known:
            raise DataError(f"{path}: can't be read as a table: it has no sheet of cells")
        filled = (one for one in seen if _has_cells(book[one]))
        return str(next(filled, (seen or known)[0]))
    alike = [one for one in known if one == sheet] or [one for one in known if one.casefold() == sheet.casefold()]
    if not alike:
        raise DataError(f"{path}: has no sheet '{sheet}'{nearest(sheet, known)}")
    return str(alike[0])


def _rows(sheet: Any) -> Iterator[Any]:
    """The cells of each row, as far as the row goes."""
    sheet.reset_dimensions()  # some programs write wrong ones
    return iter(sheet.rows)


def _has_cells(sheet: Any) -> bool:
    return any(cell.value is not None for row in _rows(sheet) for cell in row)


def _text(cell: Any) -> str:
    value = cell.value
    if value is None or cell.data_type == "e":
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and abs(value) >= _EXACT:
        return f"{value:.14E}"  # a spreadsheet keeps no more digits, so that two ids may have become one
    return str(value)


def _of_others(path: Path, name: str, others: list[str]) -> list[str]:
    if not others:
        return []
    listed = ", ".join(f"'{one}'" for one in others[:_SHOWN]) + (" ..." if len(others) > _SHOWN else "")
    return [
        f"{path.name}: of its sheets '{name}' is read, and {listed} not. If another one is meant, write it behind the "
        f"file ({path.name}#{others[0]}) or move it to the front."
    ]


def _check_formulas(path: Path, name: str) -> None:
    """Refuses a formula that was never computed: scripts write such cells, and they would count as empty."""
    with _opened(path, read_only=True, data_only=True) as book, _opened(path, read_only=True) as written:
        values = _rows(book[name])
        for line, row in enumerate(_rows(written[name]), start=1):
            known = next(values, ())
            for place, cell in enumerate(row):
                value = known[place] if place < len(known) else None
                # A formula that gives an empty text has the type of a text.
                if cell.data_type == "f" and (value is None or (value.value is None and value.data_type != "str")):
                    formula = cell.value if isinstance(cell.value, str) else "of several cells"
                    raise DataError(
                        f"{path}: cell {cell.coordinate} in row {line} holds the formula {formula} without its value: "
                        "open the file in a spreadsheet program and save it"
                    )


def _merged_and_hidden(path: Path, name: str, rows: list[list[str]]) -> list[str]:
    """Fills merged cells below the header; notes on them and on hidden rows."""
    merged = []
    with _opened(path) as book:
        sheet = book[name]
        hidden = [line for line, row in sheet.row_dimensions.items() if row.hidden and 1 < line <= len(rows)]
        hidden = [line for line in sorted(hidden) if any(rows[line - 1])]
        for area in sorted(sheet.merged_cells.ranges, key=lambda area: (area.min_row, area.min_col)):
            if area.min_row == 1 or area.min_row > len(rows):
                continue
            top = rows[area.min_row - 1]
            shown = top[area.min_col - 1] if len(top) >= area.min_col else ""
            if not shown:
                continue
            for row in rows[area.min_row - 1 : area.max_row]:
                row += [""] * (area.max_col - len(row))
                row[area.min_col - 1 : area.max_col] = [shown] * (area.max_col - area.min_col + 1)
            merged.append(f"{area.coord} ('{shown}')")
    notes = []
    if merged:
        more = f" and {len(merged) - _SHOWN} more" if len(merged) > _SHOWN else ""
        notes.append(
            f"{path.name}: merged cells are read as if each of them held what they show: "
            f"{', '.join(merged[:_SHOWN])}{more}."
        )
    if hidden:
        lines = ", ".join(map(str, hidden[:_SHOWN])) + (" ..." if len(hidden) > _SHOWN else "")
        notes.append(
            f"{path.name}: {len(hidden)} hidden row{'s' * (len(hidden) > 1)} (line{'s' * (len(hidden) > 1)} {lines}) "
            "are read like all others: delete them if they are not meant."
        )
    return notes
