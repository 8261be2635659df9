"""Draws sheets of scores as a Word file: a heading, a table and the notes of each sheet."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from results.tables.formats import Score, Sheet, header_of, lines_of, marked
from results.tables.typography import typeset

PORTRAIT, LANDSCAPE = (210, 297), (297, 210)
MARGIN = 18
"""Width and height of A4, and its margins, in mm."""
LETTER, PAD = 0.19, 2.4
"""The width of a letter in mm for each point of its size, and of the blanks beside a cell in mm."""
SIZE, SMALLEST = 9, 6.5
FONT = "Arial"


def write_word(sheets: Sequence[Sheet], path: Path) -> None:
    """Writes a Word file with a heading, a table and the notes of each sheet.

    A table that fits stands on an upright page, others lie on a turned one, and those that are too wide for it have
    their intervals below the scores. Headers are repeated on every page, and no row is cut by a page.
    """
    from docx import Document
    from docx.enum.section import WD_SECTION
    from docx.shared import Mm, Pt

    document = Document()
    normal = document.styles["Normal"]
    normal.font.name, normal.font.size = FONT, Pt(SIZE)
    normal.paragraph_format.space_after = Pt(2)
    section, before = document.sections[0], None
    for sheet in sheets:
        landscape, size, stacked = _layout(sheet)
        if before is not None and landscape != before:
            section = document.add_section(WD_SECTION.NEW_PAGE)
        if landscape != before:
            _turn(section, landscape=landscape)
        before = landscape
        heading = document.add_heading(typeset(sheet.title), level=2)
        heading.paragraph_format.keep_with_next = True
        _table(document, sheet, size, stacked=stacked, room=_room(landscape=landscape))
        document.add_paragraph().paragraph_format.space_after = Pt(0)
        for note in marked(sheet):
            document.add_paragraph(typeset(note), style="List Bullet").paragraph_format.left_indent = Mm(5)
    document.save(str(path))


def _layout(sheet: Sheet) -> tuple[bool, float, bool]:
    """Whether the page is turned, the size of the type, and whether intervals stand below scores."""
    for landscape, size, stacked in (
        *((False, size, False) for size in (SIZE, 8, 7.5)),
        *((True, size, False) for size in (SIZE, 8, 7.5)),
        *((True, size, True) for size in (8, 7.5, 7)),
    ):
        if sum(_widths(sheet, size, stacked=stacked)) <= _room(landscape=landscape):
            return landscape, size, stacked
    return True, SMALLEST, True


def _room(*, landscape: bool) -> float:
    return (LANDSCAPE if landscape else PORTRAIT)[0] - 2 * MARGIN


def _turn(section: Any, *, landscape: bool) -> None:
    from docx.enum.section import WD_ORIENT
    from docx.shared import Mm

    section.orientation = WD_ORIENT.LANDSCAPE if landscape else WD_ORIENT.PORTRAIT
    section.page_width, section.page_height = (Mm(side) for side in (LANDSCAPE if landscape else PORTRAIT))
    section.left_margin = section.right_margin = section.top_margin = section.bottom_margin = Mm(MARGIN)


def _texts(sheet: Sheet, *, stacked: bool) -> tuple[list[list[str]], list[list[str]]]:
    def draw(score: Score) -> str:
        value, _, interval = score.text().partition(" ")
        return typeset(f"{value}\n{interval}" if stacked and interval else score.text())

    return lines_of(sheet, escape=typeset, draw=draw)


def _header(name: str, below: int) -> str:
    return "\n".join(
        part for line in name.split("\n") for part in textwrap.wrap(line, max(9, below), break_long_words=False)
    )


def _widths(sheet: Sheet, size: float, *, stacked: bool) -> list[float]:
    """About how wide each column is, in mm."""
    rows, floors = _texts(sheet, stacked=stacked)
    found = []
    for j, name in enumerate(header_of(sheet)):
        letters = max((len(line) for row in (*rows, *floors) for line in row[j].split("\n")), default=0)
        head = max(map(len, _header(name, letters).split("\n")), default=0)
        found.append(LETTER * size * max(letters, head + 1) + PAD)
    return found


def _table(document: Any, sheet: Sheet, size: float, *, stacked: bool, room: float) -> None:
    from docx.enum.table import WD_TABLE_ALIGNMENT
    from docx.shared import Mm

    rows, floors = _texts(sheet, stacked=stacked)
    widths = _widths(sheet, size, stacked=stacked)
    excess = sum(widths) - room
    if excess > 0:  # labels wrap, numbers don't
        of_labels = sum(widths[: len(sheet.labels)])
        share = max(1 - excess / of_labels, 0.3) if of_labels else 1
        widths = [w * share if j < len(sheet.labels) else w for j, w in enumerate(widths)]
    table = document.add_table(rows=0, cols=len(widths))
    table.alignment, table.autofit = WD_TABLE_ALIGNMENT.LEFT, False
    header = [
        _header(name, max((len(line) for row in (*rows, *floors) for line in row[j].split("\n")), default=0))
        for j, name in enumerate(header_of(sheet))
    ]
    _add(table, [header], sheet, size, bold=True)
    _add(table, rows, sheet, size, first=0)
    _add(table, floors, sheet, size)
    for j, width in enumerate(widths):
        table.columns[j].width = Mm(width)
        for cell in table.columns[j].cells:
            cell.width = Mm(width)
    every = list(table.rows)
    _mark(every[0], "w:tblHeader")
    _rule(every[0], top=12, bottom=6)
    if rows and floors:
        _rule(every[1 + len(rows)], top=6)
    _rule(every[-1], bottom=12)


def _add(
    table: Any, lines: Sequence[Sequence[str]], sheet: Sheet, size: float, *, first: int = -1_000_000, bold: bool = False
) -> None:
    """Adds rows; those of the cells are counted from `first`, so that the best of a column is bold."""
    from docx.enum.text import WD_ALIGN_PARAGRAPH
    from docx.shared import Pt

    left = len(sheet.labels)
    for i, line in enumerate(lines, start=first):
        row = table.add_row()
        _mark(row, "w:cantSplit")
        for j, (cell, words) in enumerate(zip(row.cells, line, strict=True)):
            paragraph = cell.paragraphs[0]
            run = paragraph.add_run(words)
            run.font.size = Pt(size)
            run.bold, run.underline = bold or (i, j - left) in sheet.best, (i, j - left) in sheet.tied
            paragraph.paragraph_format.space_after = Pt(1)
            if j >= left:
                paragraph.alignment = WD_ALIGN_PARAGRAPH.RIGHT
            _pad(cell)


def _mark(row: Any, name: str) -> None:
    """Sets a property of a row, such as that it is repeated on every page."""
    from docx.oxml import OxmlElement

    row._tr.get_or_add_trPr().append(OxmlElement(name))  # noqa: SLF001


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
    cell._tc.get_or_add_tcPr().append(margins)  # noqa: SLF001


def _rule(row: Any, **sides: int) -> None:
    """Rules at the sides of a row, in eighths of a point."""
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    for cell in row.cells:
        properties = cell._tc.get_or_add_tcPr()  # noqa: SLF001
        borders = properties.find(qn("w:tcBorders"))
        if borders is None:
            borders = OxmlElement("w:tcBorders")
            properties.insert_element_before(borders, "w:shd", "w:noWrap", "w:tcMar", "w:vAlign")
        for side, eighths in sides.items():
            element = OxmlElement(f"w:{side}")
            for name, value in (("val", "single"), ("sz", str(eighths)), ("space", "0"), ("color", "000000")):
                element.set(qn(f"w:{name}"), value)
            borders.append(element)
