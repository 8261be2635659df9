"""Draws sheets of scores as an HTML page or a Word file."""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from results.tables.formats import Row, Sheet, marked

STYLE = (
    "body{font:15px/1.4 system-ui,sans-serif;margin:2em;color:#111}"
    "table{border-collapse:collapse;border-block:2px solid #111;font-variant-numeric:tabular-nums}"
    "th,td{padding:.2em .8em;text-align:right;white-space:nowrap}"
    "th{border-bottom:1px solid #111;font-weight:600}"
    ".label{text-align:left}.floor td{color:#444}.floor.first td{border-top:1px solid #111}"
    "figure{margin:0 0 3em;overflow-x:auto}figcaption{margin-bottom:.6em;font-weight:600}"
    "ul{max-width:60em;padding-left:1.2em}"
)


def page(sheets: Sequence[Sheet]) -> str:
    """One HTML page that needs no other file; the best score of a column is bold, ties with it are underlined."""
    titles = html.escape(", ".join(dict.fromkeys(sheet.target for sheet in sheets)))
    head = f'<meta charset="utf-8"><title>{titles}</title><style>{STYLE}</style>'
    body = "\n".join(_figure(sheet) for sheet in sheets)
    return f'<!doctype html>\n<html lang="en">\n<head>{head}</head>\n<body>\n{body}\n</body>\n</html>\n'


def write_word(sheets: Sequence[Sheet], path: Path) -> None:
    """Writes a Word file with a heading, a table and the notes of each sheet, on landscape pages."""
    from docx import Document
    from docx.enum.section import WD_ORIENT
    from docx.shared import Mm, Pt

    document = Document()
    section = document.sections[0]
    section.orientation, section.page_width, section.page_height = WD_ORIENT.LANDSCAPE, Mm(297), Mm(210)
    section.left_margin = section.right_margin = Mm(15)
    document.styles["Normal"].font.size = Pt(8)
    for sheet in sheets:
        document.add_heading(sheet.title, level=2)
        _word_table(document, sheet)
        for note in marked(sheet):
            document.add_paragraph(note, style="List Bullet")
    document.save(str(path))


def _figure(sheet: Sheet) -> str:
    header = "".join(_cell("th", name, label=j < len(sheet.labels)) for j, name in enumerate(_headers(sheet)))
    rows = "\n".join(_row(sheet, i, row) for i, row in enumerate(sheet.rows))
    floors = "\n".join(_row(sheet, -1 - i, row) for i, row in enumerate(sheet.floors))
    notes = "".join(f"<li>{html.escape(note)}</li>" for note in marked(sheet))
    return (
        f"<figure><figcaption>{html.escape(sheet.title)}</figcaption>\n<table>\n<thead><tr>{header}</tr></thead>\n"
        f"<tbody>\n{rows}\n{floors}\n</tbody>\n</table>\n<ul>{notes}</ul></figure>"
    )


def _row(sheet: Sheet, number: int, row: Row) -> str:
    """One row; the number of a floor is below 0."""
    cells = [_cell("td", word, label=True) for word in row.labels]
    for j, score in enumerate(row.scores):
        drawn = "" if score is None else html.escape(score.text())
        tag = "b" if (number, j) in sheet.best else "u" if (number, j) in sheet.tied else ""
        cells.append(f"<td>{f'<{tag}>{drawn}</{tag}>' if tag else drawn}</td>")
    cells += [_cell("td", word) for word in row.extras]
    kind = "" if number >= 0 else ' class="floor first"' if number == -1 else ' class="floor"'
    return f"<tr{kind}>{''.join(cells)}</tr>"


def _cell(tag: str, words: str, *, label: bool = False) -> str:
    shown = "<br>".join(html.escape(line) for line in words.split("\n"))
    kind = ' class="label"' if label else ""
    return f"<{tag}{kind}>{shown}</{tag}>"


def _headers(sheet: Sheet) -> list[str]:
    return [*sheet.labels, *sheet.headers, *sheet.extras]


def _word_table(document: Any, sheet: Sheet) -> None:
    from docx.enum.text import WD_ALIGN_PARAGRAPH

    headers = [name.replace("\n", " ") for name in _headers(sheet)]
    table = document.add_table(rows=1, cols=len(headers), style="Light List")
    for cell, name in zip(table.rows[0].cells, headers, strict=True):
        cell.text = name
    for number, row in [*enumerate(sheet.rows), *((-1, row) for row in sheet.floors)]:
        cells = table.add_row().cells
        drawn = ["" if score is None else score.text() for score in row.scores]
        for j, (cell, words) in enumerate(zip(cells, [*row.labels, *drawn, *row.extras], strict=True)):
            run = cell.paragraphs[0].add_run(words)
            place = (number, j - len(row.labels))
            run.bold, run.underline = place in sheet.best, place in sheet.tied
            if j >= len(row.labels):
                cell.paragraphs[0].alignment = WD_ALIGN_PARAGRAPH.RIGHT
