"""Draws sheets of scores as an HTML page."""

from __future__ import annotations

import html
from collections.abc import Sequence

from results.tables.formats import Row, Sheet, header_of, marked
from results.tables.typography import typeset

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


def _figure(sheet: Sheet) -> str:
    header = "".join(_cell("th", name, label=j < len(sheet.labels)) for j, name in enumerate(header_of(sheet)))
    rows = "\n".join(_row(sheet, i, row) for i, row in enumerate(sheet.rows))
    floors = "\n".join(_row(sheet, -1 - i, row) for i, row in enumerate(sheet.floors))
    notes = "".join(f"<li>{html.escape(typeset(note))}</li>" for note in marked(sheet))
    return (
        f"<figure><figcaption>{html.escape(sheet.title)}</figcaption>\n<table>\n<thead><tr>{header}</tr></thead>\n"
        f"<tbody>\n{rows}\n{floors}\n</tbody>\n</table>\n<ul>{notes}</ul></figure>"
    )


def _row(sheet: Sheet, number: int, row: Row) -> str:
    """One row; the number of a floor is below 0."""
    cells = [_cell("td", word, label=True) for word in row.labels]
    for j, score in enumerate(row.scores):
        drawn = "" if score is None else html.escape(typeset(score.text()))
        tag = "b" if (number, j) in sheet.best else "u" if (number, j) in sheet.tied else ""
        cells.append(f"<td>{f'<{tag}>{drawn}</{tag}>' if tag else drawn}</td>")
    cells += [_cell("td", word) for word in row.extras]
    kind = "" if number >= 0 else ' class="floor first"' if number == -1 else ' class="floor"'
    return f"<tr{kind}>{''.join(cells)}</tr>"


def _cell(tag: str, words: str, *, label: bool = False) -> str:
    shown = "<br>".join(html.escape(typeset(line)) for line in words.split("\n"))
    kind = ' class="label"' if label else ""
    return f"<{tag}{kind}>{shown}</{tag}>"
