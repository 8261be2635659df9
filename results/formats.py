"""Draws a sheet of scores as plain text, Markdown, LaTeX or CSV."""

from __future__ import annotations

import csv
import io
import textwrap
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

WIDTH = 140


@dataclass(frozen=True)
class Score:
    """A number with its interval; `low` is None where it has none.

    Args:
        value: The score.
        low: Lower end.
        high: Upper end.
        signed: Whether its sign is shown.
        decimals: Digits after the point.
    """

    value: float
    low: float | None = None
    high: float | None = None
    signed: bool = False
    decimals: int = 2

    def text(self, *, interval: bool = True) -> str:
        """`0.84 [0.79, 0.88]`."""
        sign = "+" if self.signed else ""
        value, *ends = (
            f"{round(number, self.decimals) + 0.0:{sign}.{self.decimals}f}"
            for number in (self.value, self.low, self.high)
            if number is not None
        )
        return f"{value} [{', '.join(ends)}]" if ends and interval else value


@dataclass(frozen=True)
class Row:
    """One row: its labels, its scores (None: empty) and what else is said of it."""

    labels: tuple[str, ...]
    scores: tuple[Score | None, ...]
    extras: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sheet:
    """A table of one target, ready to be drawn.

    Args:
        target: The name of the target.
        title: One line.
        labels: Headers of the labels.
        headers: Headers of the scores; a line break separates a metric from its column of the grid.
        extras: Headers of what else is said.
        rows: The rows, best first.
        floors: The floor rows, drawn apart at the bottom.
        best: `(row, column)` of the best score of each column.
        always: Columns whose intervals stay when the text is too wide.
        notes: What must be said beside the numbers.
    """

    target: str
    title: str
    labels: tuple[str, ...]
    headers: tuple[str, ...]
    extras: tuple[str, ...]
    rows: tuple[Row, ...]
    floors: tuple[Row, ...]
    best: frozenset[tuple[int, int]] = frozenset()
    always: frozenset[int] = frozenset()
    notes: tuple[str, ...] = ()


def text(sheet: Sheet) -> str:
    """For a terminal; intervals other than those of `sheet.always` are left out where lines would be too wide."""
    drawn, notes = _simple(sheet, range(len(sheet.headers))), sheet.notes
    if _width(drawn) > WIDTH:
        drawn = _simple(sheet, sheet.always)
        notes = (*notes, "Intervals that did not fit are in --format md, latex and csv.")
    width = min(max(_width(drawn), 100), WIDTH)
    return "\n".join([sheet.title, "", drawn, "", *(line for note in notes for line in textwrap.wrap(note, width))])


def markdown(sheet: Sheet) -> str:
    """For GitHub and papers written in Markdown; the best score of a column is bold."""
    from tabulate import tabulate

    rows, floors = _lines(sheet, bold=lambda score: f"**{score}**", escape=lambda words: words.replace("|", "\\|"))
    between = [[""] * len(_header(sheet))] if rows and floors else []
    header = [name.replace("\n", " ") for name in _header(sheet)]
    sides = _sides(sheet)
    drawn = tabulate([*rows, *between, *floors], header, tablefmt="pipe", disable_numparse=True, colalign=sides)
    return "\n".join([f"**{sheet.title}**", "", drawn, "", *(f"- {note}" for note in sheet.notes)])


def latex(sheet: Sheet) -> str:
    """A floating table for a paper; needs the packages `booktabs` and `graphicx`."""
    rows, floors = _lines(sheet, bold=lambda score: rf"\textbf{{{score}}}", escape=_escape)
    lines = [[" & ".join(row) + r" \\" for row in part] for part in (rows, floors)]
    columns = "".join(side[0] for side in _sides(sheet))
    header = " & ".join(_escape(name.replace("\n", " ")) for name in _header(sheet)) + r" \\"
    caption = _escape(" ".join([f"{sheet.title}.", *sheet.notes]))
    return "\n".join(
        [
            r"\begin{table}",
            rf"\caption{{{caption}}}",
            r"\resizebox{\textwidth}{!}{%",
            rf"\begin{{tabular}}{{{columns}}}",
            r"\toprule",
            header,
            r"\midrule",
            *lines[0],
            *([r"\midrule"] if rows and floors else []),
            *lines[1],
            r"\bottomrule",
            r"\end{tabular}}",
            r"\end{table}",
        ]
    )


def comma_separated(sheets: Sequence[Sheet]) -> str:
    """Raw numbers at full precision, all targets under one header; empty where there is no number."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    headers = [name.replace("\n", " ") for name in sheets[0].headers]
    writer.writerow(["target", "floor", *sheets[0].labels, *headers])
    for sheet in sheets:
        for floor, rows in ((False, sheet.rows), (True, sheet.floors)):
            for row in rows:
                numbers = ["" if score is None else repr(score.value) for score in row.scores]
                writer.writerow([sheet.target, floor, *row.labels, *numbers])
    return out.getvalue()


def _simple(sheet: Sheet, intervals: Collection[int]) -> str:
    from tabulate import SEPARATING_LINE, tabulate

    rows, floors = _lines(sheet, intervals=intervals)
    between = [SEPARATING_LINE] if rows and floors else []
    body = [*rows, *between, *floors]
    header = [
        "\n".join(
            part
            for line in name.split("\n")
            for part in textwrap.wrap(line, 12, break_long_words=False, break_on_hyphens=False)
        )
        for name in _header(sheet)
    ]
    return tabulate(body, header, tablefmt="simple", disable_numparse=True, colalign=_sides(sheet))


def _lines(
    sheet: Sheet,
    *,
    bold: Callable[[str], str] = str,
    escape: Callable[[str], str] = str,
    intervals: Collection[int] | None = None,
) -> tuple[list[list[str]], list[list[str]]]:
    """The cells of the rows and of the floors."""

    def line(row: Row, best: Collection[int]) -> list[str]:
        scores = []
        for j, score in enumerate(row.scores):
            drawn = "" if score is None else score.text(interval=intervals is None or j in intervals)
            scores.append(bold(drawn) if j in best else drawn)
        return [*map(escape, row.labels), *scores, *map(escape, row.extras)]

    best = [{j for i, j in sheet.best if i == number} for number in range(len(sheet.rows))]
    return [line(row, b) for row, b in zip(sheet.rows, best, strict=True)], [line(row, ()) for row in sheet.floors]


def _header(sheet: Sheet) -> list[str]:
    return [*sheet.labels, *sheet.headers, *sheet.extras]


def _sides(sheet: Sheet) -> list[str]:
    return ["left"] * len(sheet.labels) + ["right"] * (len(sheet.headers) + len(sheet.extras))


def _width(drawn: str) -> int:
    return max(map(len, drawn.splitlines()))


def _escape(words: str) -> str:
    special = {c: rf"\{c}" for c in "&%$#_{}"} | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}"}
    special |= {"^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}"}
    return "".join(special.get(c, c) for c in words)
