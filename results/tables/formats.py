"""Draws a sheet of scores as plain text, Markdown, LaTeX or CSV."""

from __future__ import annotations

import csv
import io
import math
import re
import textwrap
import unicodedata
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from results.tables.escaping import csv_cell, markdown_cell, markdown_text

WIDTH = 140
MOST_DIGITS = 4
_SIGNS = {"\u00b1": r"$\pm$", "\u00d7": r"$\times$", "\u2264": r"$\leq$", "\u2265": r"$\geq$", "\u2212": "$-$"} | {
    "\u2248": r"$\approx$",
    "\u2206": r"$\Delta$",
    "\u2192": r"$\to$",
}
BOLD = "Bold: the best of a column"
TIED = "underlined: on the same samples, and not shown to be worse than any other (all pairs at once, error below 5 %)"


@dataclass(frozen=True)
class Score:
    """A number with its interval; `low` is None if it has no interval.

    Args:
        value: The score.
        low: Lower end; NaN counts as None.
        high: Upper end.
        signed: Whether its sign is shown.
        decimals: Digits after the point, at least.
    """

    value: float
    low: float | None = None
    high: float | None = None
    signed: bool = False
    decimals: int = 2

    def __post_init__(self) -> None:
        if self.low is None or self.high is None or not math.isfinite(self.low + self.high):
            object.__setattr__(self, "low", None)
            object.__setattr__(self, "high", None)

    def text(self, *, interval: bool = True, short: bool = False) -> str:
        """`0.84 [0.79, 0.88]`, or `.84 [.79, .88]` if short.

        An interval narrower than two units of the last digit, such as with thousands of patients, gets more digits. So
        does a difference with an end that would round to 0, since its sign decides.
        """
        digits = self.decimals
        if self.low is not None and self.high is not None and self.high > self.low:
            while digits < MOST_DIGITS and (self.high - self.low < 2 * 10**-digits or self._loses_a_sign(digits)):
                digits += 1
        numbers = [n for n in (self.value, self.low, self.high) if n is not None]
        sign = "+" if self.signed else ""
        value, *ends = (f"{round(n, digits) + 0.0:{sign}.{digits}f}" for n in numbers)
        drawn = f"{value} [{', '.join(ends)}]" if ends and interval else value
        return re.sub(r"\b0\.", ".", drawn) if short else drawn

    def _loses_a_sign(self, digits: int) -> bool:
        """Whether an end of a difference would round to 0 that is not 0."""
        ends = [end for end in (self.low, self.high) if end]
        return self.signed and any(round(end, digits) == 0 for end in ends)


@dataclass(frozen=True)
class Row:
    """One row: its labels, its scores (None: empty) and its columns of text."""

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
        extras: Headers of the columns of text.
        rows: The rows, best first.
        floors: The floor rows, drawn apart at the bottom.
        best: `(row, column)` of the best score of each column, several where they are equal.
        tied: `(row, column)` of the scores that do not differ clearly from the best.
        always: Columns whose intervals stay when the text is too wide.
        notes: The sentences under the table.
        metrics: The metric of each header, if the headers are metrics.
    """

    target: str
    title: str
    labels: tuple[str, ...]
    headers: tuple[str, ...]
    extras: tuple[str, ...]
    rows: tuple[Row, ...]
    floors: tuple[Row, ...]
    best: frozenset[tuple[int, int]] = frozenset()
    tied: frozenset[tuple[int, int]] = frozenset()
    always: frozenset[int] = frozenset()
    notes: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()


def text(sheet: Sheet) -> str:
    """For a terminal; if lines would be too wide, intervals other than those of `sheet.always` are left out."""
    every, few, one = range(len(sheet.headers)), sheet.always, sorted(sheet.always)[:1]
    for intervals, short in ((every, False), (every, True), (few, False), (few, True), (one, True)):
        drawn = _aligned(sheet, intervals, short)
        if _width(drawn) <= WIDTH:
            break
    left_out = len(intervals) < len(every) and any(
        s is not None and s.low is not None for r in sheet.rows for s in r.scores
    )
    notes = [*sheet.notes, *(["Intervals that did not fit are in --format md, latex and csv."] if left_out else [])]
    width = min(max(_width(drawn), 100), WIDTH)
    return "\n".join([sheet.title, "", drawn, "", *(line for note in notes for line in textwrap.wrap(note, width))])


def markdown(sheet: Sheet) -> str:
    """For GitHub and papers in Markdown; the best score of a column is bold, ties with it are underlined."""
    from tabulate import tabulate

    rows, floors = _lines(
        sheet,
        bold=lambda score: f"**{score}**",
        tie=lambda score: f"<u>{score}</u>",
        escape=markdown_cell,
    )
    between = [[""] * len(_header(sheet))] if rows and floors else []
    header = [markdown_cell(name) for name in _header(sheet)]
    sides = _sides(sheet)
    drawn = tabulate([*rows, *between, *floors], header, tablefmt="pipe", disable_numparse=True, colalign=sides)
    notes = [f"- {markdown_text(note)}" for note in marked(sheet)]
    return "\n".join([f"**{markdown_text(sheet.title)}**", "", drawn, "", *notes])


def latex(sheet: Sheet) -> str:
    """A floating table for a paper; needs the packages `booktabs` and `graphicx`."""
    rows, floors = _lines(
        sheet, bold=lambda score: rf"\textbf{{{score}}}", tie=lambda score: rf"\underline{{{score}}}", escape=_escape
    )
    lines = [[" & ".join(row) + r" \\" for row in part] for part in (rows, floors)]
    columns = "".join(side[0] for side in _sides(sheet))
    header = " & ".join(_escape(name.replace("\n", " ")) for name in _header(sheet)) + r" \\"
    caption = _escape(" ".join([f"{sheet.title}.", *marked(sheet)]))
    return "\n".join(
        [
            r"% \usepackage{booktabs,graphicx}",
            r"\begin{table}",
            rf"\caption{{{caption}}}\medskip",
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


def marked(sheet: Sheet) -> list[str]:
    """The notes, with the meaning of bold and underlined."""
    if not sheet.best:
        return list(sheet.notes)
    return [*sheet.notes, f"{BOLD}; {TIED}." if sheet.tied else f"{BOLD}; ties with it are not tested."]


def comma_separated(sheets: Sequence[Sheet]) -> str:
    """Raw numbers at full precision with the ends of their intervals; empty where there is no number.

    Sheets with the same columns share one header; other columns begin after an empty line with their own header.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    shape: object = None
    for sheet in sheets:
        every = (*sheet.rows, *sheet.floors)
        ends = [
            any((score := row.scores[j]) is not None and score.low is not None for row in every)
            for j in range(len(sheet.headers))
        ]
        header = ["target", "floor", *sheet.labels]
        for name, has_ends in zip(sheet.headers, ends, strict=True):
            plain = name.replace("\n", " ")
            header += [plain, f"{plain} low", f"{plain} high"] if has_ends else [plain]
        header += sheet.extras
        if header != shape:
            if shape is not None:
                writer.writerow([])
            writer.writerow(map(csv_cell, header))
            shape = header
        for floor, rows in ((False, sheet.rows), (True, sheet.floors)):
            for row in rows:
                numbers: list[float | None] = []
                for score, has_ends in zip(row.scores, ends, strict=True):
                    found = (None, None, None) if score is None else (score.value, score.low, score.high)
                    numbers += found if has_ends else found[:1]
                drawn = ["" if number is None else repr(number) for number in numbers]
                labels, extras = map(csv_cell, row.labels), map(csv_cell, row.extras)
                writer.writerow([csv_cell(sheet.target), floor, *labels, *drawn, *extras])
    return out.getvalue()


def _aligned(sheet: Sheet, intervals: Collection[int], short: bool) -> str:
    rows, floors = _lines(sheet, intervals=intervals, short=short)
    headers = [
        [part for line in name.split("\n") for part in textwrap.wrap(line, 8, break_long_words=False)]
        for name in _header(sheet)
    ]
    depth = max(map(len, headers))
    above = [list(line) for line in zip(*(name + [""] * (depth - len(name)) for name in headers), strict=True)]
    widths = [max(map(len, column)) for column in zip(*above, *rows, *floors, strict=True)]
    rule = ["-" * width for width in widths]
    lines = [*above, rule, *rows, *([rule] if rows and floors else []), *floors]
    left = len(sheet.labels)
    return "\n".join(
        "  ".join(
            word.ljust(width) if j < left else word.rjust(width)
            for j, (word, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def _lines(
    sheet: Sheet,
    *,
    bold: Callable[[str], str] = str,
    tie: Callable[[str], str] = str,
    escape: Callable[[str], str] = str,
    intervals: Collection[int] | None = None,
    short: bool = False,
) -> tuple[list[list[str]], list[list[str]]]:
    """The cells of the rows and of the floors."""

    def line(number: int, row: Row) -> list[str]:
        scores = []
        for j, score in enumerate(row.scores):
            drawn = "" if score is None else score.text(interval=intervals is None or j in intervals, short=short)
            mark = bold if (number, j) in sheet.best else tie if (number, j) in sheet.tied else str
            scores.append(mark(drawn))
        return [*map(escape, row.labels), *scores, *map(escape, row.extras)]

    return [line(i, row) for i, row in enumerate(sheet.rows)], [line(-1, row) for row in sheet.floors]


def _header(sheet: Sheet) -> list[str]:
    return [*sheet.labels, *sheet.headers, *sheet.extras]


def _sides(sheet: Sheet) -> list[str]:
    return ["left"] * len(sheet.labels) + ["right"] * (len(sheet.headers) + len(sheet.extras))


def _width(drawn: str) -> int:
    return max(map(len, drawn.splitlines()))


def _escape(words: str) -> str:
    """Text for pdflatex, with Greek letters and signs as mathematics."""
    special = {c: rf"\{c}" for c in "&%$#_{}"} | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}"}
    special |= {"^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}"}
    words = unicodedata.normalize("NFKC", words)
    return "".join(special.get(c) or _SIGNS.get(c) or _greek(c) for c in words)


def _greek(letter: str) -> str:
    """A Greek letter as a command without accents, or as the Latin letter that looks like it; others as they are."""
    kind, _, name = unicodedata.name(letter, "").partition(" WITH ")[0].rpartition(" LETTER ")
    if kind not in ("GREEK SMALL", "GREEK CAPITAL"):
        return letter
    name = {"LAMDA": "lambda", "FINAL SIGMA": "varsigma"}.get(name, name.lower())
    if name == "omicron":
        return "o" if kind == "GREEK SMALL" else "O"
    if kind == "GREEK SMALL":
        return rf"$\{name}$"
    latin = {"eta": "H", "rho": "P", "chi": "X", "upsilon": "Y"}
    commands = ("gamma", "delta", "theta", "lambda", "xi", "pi", "sigma", "phi", "psi", "omega")
    return rf"$\{name.capitalize()}$" if name in commands else latin.get(name, name[0].upper())
