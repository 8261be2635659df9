"""Draws sheets of scores as an Excel file: one worksheet for each, with real numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from results.tables.formats import MOST_DIGITS, NUMBER, Row, Score, Sheet, marked

NAME = 31
"""The most letters of the name of a worksheet."""
_DIGITS = re.compile(r"[+\-]?\d+(?:\.(\d+))?")


def write_spreadsheet(sheets: Sequence[Sheet], path: Path) -> None:
    """Writes an Excel file: value, lower and upper end of each score in columns of their own, and the notes below.

    Numbers are kept at full precision and shown with the digits of the other formats. Text is never a formula.
    """
    from openpyxl import Workbook

    book = Workbook()
    for empty in book.worksheets:
        book.remove(empty)
    taken: set[str] = set()
    for sheet in sheets:
        name = _name(sheet.target, taken)
        taken.add(name.lower())
        _fill(book.create_sheet(name), sheet)
    if not sheets:
        book.create_sheet("no table")
    book.save(path)


def _name(target: str, taken: set[str]) -> str:
    """The name of a worksheet, which no other one has."""
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    plain = ILLEGAL_CHARACTERS_RE.sub("", re.sub(r"[\[\]:*?/\\]", " ", target)).strip("' ")[:NAME] or "table"
    name, number = plain, 2
    while name.lower() in taken:
        end = f" {number}"
        name, number = plain[: NAME - len(end)] + end, number + 1
    return name


def _fill(page: Any, sheet: Sheet) -> None:
    from openpyxl.styles import Border, Font, Side
    from openpyxl.utils import get_column_letter

    every = (*sheet.rows, *sheet.floors)
    ends = [any(_has_ends(row.scores[j]) for row in every) for j in range(len(sheet.headers))]
    numeric = [
        all(_DIGITS.fullmatch(row.extras[j]) or not row.extras[j] for row in every) for j in range(len(sheet.extras))
    ]
    header = [*sheet.labels]
    for name, has_ends in zip(sheet.headers, ends, strict=True):
        plain = name.replace("\n", " ")
        header += [plain, f"{plain} low", f"{plain} high"] if has_ends else [plain]
    header += sheet.extras
    _text(page.cell(1, 1), sheet.title).font = Font(bold=True)
    rule = Side(style="thin")
    for j, name in enumerate(header, start=1):
        cell = _text(page.cell(3, j), name.replace("\n", " "))
        cell.font, cell.border = Font(bold=True), Border(top=Side(style="medium"), bottom=rule)
    for i, row in enumerate(every):
        _row(page, 4 + i, i if i < len(sheet.rows) else -1, row, sheet, ends, numeric)
        if i in (len(sheet.rows), 0) and i:
            for j in range(1, len(header) + 1):
                page.cell(4 + i, j).border = Border(top=rule)
    for i, note in enumerate(marked(sheet)):
        _text(page.cell(5 + len(every) + i, 1), note)
    for j, name in enumerate(header, start=1):
        words = [row.labels[j - 1] for row in every] if j <= len(sheet.labels) else []
        page.column_dimensions[get_column_letter(j)].width = 2 + max(8, len(name), *map(len, words))
    page.freeze_panes = page.cell(4, len(sheet.labels) + 1)


def _row(
    page: Any, line: int, number: int, row: Row, sheet: Sheet, ends: Sequence[bool], numeric: Sequence[bool]
) -> None:
    """One row; the number of a floor is below 0."""
    from openpyxl.styles import Font

    column = 1
    for name, word in zip(sheet.labels, row.labels, strict=True):
        if name == NUMBER and word.isdecimal():
            page.cell(line, column, int(word))
        else:
            _text(page.cell(line, column), word)
        column += 1
    for j, (score, has_ends) in enumerate(zip(row.scores, ends, strict=True)):
        found = () if score is None else (score.value, score.low, score.high) if has_ends else (score.value,)
        place = (number, j)
        font = Font(bold=place in sheet.best, underline="single" if place in sheet.tied else None)
        for k, value in enumerate(found):
            if value is not None and score is not None:
                cell = page.cell(line, column + k, value)
                cell.number_format, cell.font = _format(score), font
        column += 3 if has_ends else 1
    for word, is_number in zip(row.extras, numeric, strict=True):
        match = _DIGITS.fullmatch(word) if is_number else None
        if match:
            page.cell(line, column, float(word)).number_format = "0" + ("." + "0" * len(match[1]) if match[1] else "")
        else:
            _text(page.cell(line, column), word)
        column += 1


def _format(score: Score) -> str:
    """The number format of a score."""
    digits = min(score.digits, MOST_DIGITS)
    plain = "0" + ("." + "0" * digits if digits else "")
    return f"+{plain};-{plain};{plain}" if score.signed else plain


def _has_ends(score: Score | None) -> bool:
    return score is not None and score.low is not None


def _text(cell: Any, words: str) -> Any:
    """Puts text into a cell, so that no spreadsheet reads it as a formula, now or after it was edited."""
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    cell.value = ILLEGAL_CHARACTERS_RE.sub("", words)
    if words:
        cell.data_type = "s"
    cell.quotePrefix = words.startswith(("=", "+", "-", "@"))
    return cell
