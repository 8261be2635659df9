"""Draws sheets of scores as a Word file: a heading, a table and the notes of each sheet."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from results.tables.formats import Score, Sheet, header_of, lines_of, marked
from results.tables.halves import halves
from results.tables.typography import ems, typeset, wrapped

PORTRAIT, LANDSCAPE = (210, 297), (297, 210)
MARGIN = 18
"""Width and height of A4, and its margins, in mm."""
EM, PAD = 0.353 * 1.28, 2.4
"""The size of an em in mm for each point, with room for fonts that replace ours; and the blanks beside a cell in mm."""
FONT, SIZE = "Arial", 9.0


@dataclass(frozen=True)
class _Page:
    """How a table is set: whether its page is turned, the size of its type, and whether intervals are below scores.

    `wrapped` is the number of letters at which labels break; None: they don't.
    """

    landscape: bool
    size: float
    stacked: bool = False
    wrapped: int | None = None

    @property
    def room(self) -> float:
        """The width of the text in mm."""
        return (LANDSCAPE if self.landscape else PORTRAIT)[0] - 2 * MARGIN


PAGES = (
    *(_Page(False, size) for size in (SIZE, 8.0, 7.5)),
    *(_Page(True, size) for size in (SIZE, 8.0, 7.5)),
    _Page(True, 7.5, wrapped=26),
    *(_Page(True, size, stacked=True) for size in (8.0, 7.5)),
    *(_Page(True, size, stacked=True, wrapped=20) for size in (7.5, 7.0)),
    *(_Page(True, 6.5, stacked=True, wrapped=letters) for letters in (20, 12)),
    _Page(True, 6.0, stacked=True, wrapped=12),
)


def write_word(sheets: Sequence[Sheet], path: Path) -> None:
    """Writes a Word file with a heading, a table and the notes of each sheet.

    A table that fits stands on an upright page, others lie on a turned one; if that is too narrow, intervals stand
    below the scores and labels break, and a table that is still too wide is set as two. Headers are repeated on every
    page, and no row is cut by a page.
    """
    from docx import Document
    from docx.enum.section import WD_SECTION
    from docx.shared import Mm, Pt

    document = Document()
    normal = document.styles["Normal"]
    normal.font.name, normal.font.size = FONT, Pt(SIZE)
    normal.paragraph_format.space_after = Pt(2)
    section, turned = document.sections[0], None
    for sheet in chain.from_iterable(map(_fitting, sheets)):
        page = _page(sheet) or PAGES[-1]
        if turned is not None and page.landscape != turned:
            section = document.add_section(WD_SECTION.NEW_PAGE)
        if page.landscape != turned:
            _turn(section, landscape=page.landscape)
        turned = page.landscape
        heading = document.add_heading(typeset(sheet.title), level=2)
        heading.paragraph_format.keep_with_next = True
        _table(document, sheet, page)
        document.add_paragraph().paragraph_format.space_after = Pt(0)
        for note in marked(sheet):
            document.add_paragraph(typeset(note), style="List Bullet").paragraph_format.left_indent = Mm(5)
    document.save(str(path))


def _page(sheet: Sheet) -> _Page | None:
    """The first way to set a table that fits; None if none does."""
    return next((one for one in PAGES if sum(_widths(sheet, one)) <= one.room), None)


def _fitting(sheet: Sheet) -> list[Sheet]:
    """A sheet, or its parts if it fits on no page."""
    if _page(sheet) is not None or len(sheet.headers) < 2:
        return [sheet]
    return [part for half in halves(sheet) for part in _fitting(half)]


def _turn(section: Any, *, landscape: bool) -> None:
    from docx.enum.section import WD_ORIENT
    from docx.shared import Mm

    section.orientation = WD_ORIENT.LANDSCAPE if landscape else WD_ORIENT.PORTRAIT
    section.page_width, section.page_height = (Mm(side) for side in (LANDSCAPE if landscape else PORTRAIT))
    section.left_margin = section.right_margin = section.top_margin = section.bottom_margin = Mm(MARGIN)


def _texts(sheet: Sheet, page: _Page) -> tuple[list[str], list[list[str]], list[list[str]]]:
    """The words of the header, of the rows, and of the floors; lines are broken where the page wants it."""

    def draw(score: Score) -> str:
        value, _, interval = score.text().partition(" ")
        return typeset(f"{value}\n{interval}" if page.stacked and interval else score.text())

    def words(text: str) -> str:
        return "\n".join(map(typeset, wrapped(text, page.wrapped)))

    rows, floors = lines_of(sheet, escape=words, draw=draw)
    header = []
    for j, name in enumerate(header_of(sheet)):
        below = max((len(line) for row in (*rows, *floors) for line in row[j].split("\n")), default=0)
        parts = (textwrap.wrap(line, max(9, below), break_long_words=False) for line in name.split("\n"))
        header.append("\n".join(line for found in parts for line in found))
    return header, rows, floors


def _widths(sheet: Sheet, page: _Page) -> list[float]:
    """About how wide each column is, in mm."""
    header, rows, floors = _texts(sheet, page)
    bold = {j + len(sheet.labels) for _, j in sheet.best}
    found = []
    for j, (name, *column) in enumerate(zip(header, *rows, *floors, strict=True)):
        width = max((ems(line) for cell in column for line in cell.split("\n")), default=0.0)
        head = max((ems(line) for line in name.split("\n")), default=0.0)
        found.append(EM * page.size * max(width * (1.1 if j in bold else 1), head * 1.1) + PAD)
    return found


def _table(document: Any, sheet: Sheet, page: _Page) -> None:
    from docx.enum.table import WD_TABLE_ALIGNMENT
    from docx.shared import Mm

    header, rows, floors = _texts(sheet, page)
    table = document.add_table(rows=0, cols=len(header))
    table.alignment, table.autofit = WD_TABLE_ALIGNMENT.LEFT, False
    _add(table, [header], sheet, page.size, bold=True)
    _add(table, rows, sheet, page.size, first=0)
    _add(table, floors, sheet, page.size)
    for column, width in zip(table.columns, _widths(sheet, page), strict=True):
        column.width = Mm(width)
    every = list(table.rows)
    _mark(every[0], "w:tblHeader")
    _rule(every[0], top=12, bottom=6)
    if rows and floors:
        _rule(every[1 + len(rows)], top=6)
    _rule(every[-1], bottom=12)


def _add(
    table: Any,
    lines: Sequence[Sequence[str]],
    sheet: Sheet,
    size: float,
    *,
    first: int | None = None,
    bold: bool = False,
) -> None:
    """Adds rows; those of the cells are counted from `first`, so that the best of a column is bold."""
    from docx.enum.text import WD_ALIGN_PARAGRAPH
    from docx.shared import Pt

    left = len(sheet.labels)
    for number, line in enumerate(lines):
        row = table.add_row()
        _mark(row, "w:cantSplit")
        for j, (cell, words) in enumerate(zip(row.cells, line, strict=True)):
            paragraph = cell.paragraphs[0]
            run = paragraph.add_run(words)
            run.font.size = Pt(size)
            place = None if first is None else (first + number, j - left)
            run.bold, run.underline = bold or place in sheet.best, place in sheet.tied
            paragraph.paragraph_format.space_before = paragraph.paragraph_format.space_after = Pt(1.5)
            paragraph.paragraph_format.line_spacing = 1.0
            if j >= left:
                paragraph.alignment = WD_ALIGN_PARAGRAPH.RIGHT
            _pad(cell)


def _mark(row: Any, name: str) -> None:
    """Sets a property of a row, such as that it is repeated on every page."""
    from docx.oxml import OxmlElement

    row._tr.get_or_add_trPr().append(OxmlElement(name))


def _pad(cell: Any) -> None:
    """Narrow blanks beside the words of a cell."""
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    margins = OxmlElement("w:tcMar")
    for side in ("w:left", "w:right"):
        element = OxmlElement(side)
        element.set(qn("w:w"), "50")
        element.set(qn("w:type"), "dxa")
        margins.append(element)
    cell._tc.get_or_add_tcPr().append(margins)


def _rule(row: Any, **sides: int) -> None:
    """Rules at the sides of a row, in eighths of a point."""
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    for cell in row.cells:
        properties = cell._tc.get_or_add_tcPr()
        borders = properties.find(qn("w:tcBorders"))
        if borders is None:
            borders = OxmlElement("w:tcBorders")
            properties.insert_element_before(borders, "w:shd", "w:noWrap", "w:tcMar", "w:vAlign")
        for side, eighths in sides.items():
            element = OxmlElement(f"w:{side}")
            for name, value in (("val", "single"), ("sz", str(eighths)), ("space", "0"), ("color", "000000")):
                element.set(qn(f"w:{name}"), value)
            borders.append(element)
