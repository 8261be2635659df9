"""A table, ready to be drawn, and its drawing as plain text, Markdown or CSV."""

from __future__ import annotations

import csv
import io
import math
import textwrap
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

from results.scores.reconstruction import MARK
from results.tables.escaping import csv_cell, markdown_cell, markdown_text
from results.tables.typography import true_minus

WIDTH = 140
NUMBER = "#"
"""The header of the numbers of cells."""
MOST_DIGITS = 4
FEW_SAMPLES = 100
"""Samples below which a number has at most `FEW_DIGITS` digits after the point."""
FEW_DIGITS = 2
BOLD = "Bold: the best cell of a column, floors aside"
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
        n: The number of samples that it is computed from; None if it is not known, or if it is no share of samples.
    """

    value: float
    low: float | None = None
    high: float | None = None
    signed: bool = False
    decimals: int = 2
    n: int | None = None

    def __post_init__(self) -> None:
        if self.low is None or self.high is None or not math.isfinite(self.low + self.high):
            object.__setattr__(self, "low", None)
            object.__setattr__(self, "high", None)

    @property
    def digits(self) -> int:
        """Digits after the point.

        An interval narrower than two units of the last digit, such as with thousands of patients, gets more digits.
        With fewer than `FEW_SAMPLES` samples there are at most `FEW_DIGITS`, since one sample moves a share by more
        than the next digit.
        """
        few = self.n is not None and self.n < FEW_SAMPLES
        digits, most = self.decimals, FEW_DIGITS if few else MOST_DIGITS
        if self.low is not None and self.high is not None and self.high > self.low:
            while digits < most and self.high - self.low < 2 * 10**-digits:
                digits += 1
        return min(digits, most)

    def text(self, *, interval: bool = True) -> str:
        """`0.84 [0.79, 0.88]`; a difference and its ends keep their signs where they round to 0: `-0.00`."""
        digits = self.digits if interval else self.decimals
        sign = "+" if self.signed else ""
        zero = -0.0 if self.signed else 0.0  # the sign of -0 is lost by adding 0, and kept by adding -0
        value = f"{round(self.value + 0.0, digits) + zero:{sign}.{digits}f}"
        if self.low is None or self.high is None or not interval:
            return value
        low, high = (f"{round(end + 0.0, digits) + zero:{sign}.{digits}f}" for end in (self.low, self.high))
        return f"{value} [{low}, {high}]"


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
        notes: The sentences under the table; one on the mark of collapsed autoencoders is dropped if no label has it.
        metrics: The metric of each header, if the headers are metrics.
        averaged: The axes that a number is a mean over; titles name them too.
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
    averaged: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        drawn = (*self.headers, *(label for row in (*self.rows, *self.floors) for label in row.labels))
        if not any(MARK in words for words in drawn):
            object.__setattr__(self, "notes", tuple(note for note in self.notes if f"{MARK} marks" not in note))


def text(sheet: Sheet) -> str:
    """For a terminal; if lines would be too wide, intervals other than those of `sheet.always` are left out."""
    every, few, one = range(len(sheet.headers)), sheet.always, sorted(sheet.always)[:1]
    for intervals in (every, few, one):
        drawn = _aligned(sheet, intervals)
        if _width(drawn) <= WIDTH:
            break
    left_out = len(intervals) < len(every) and any(
        s is not None and s.low is not None for r in sheet.rows for s in r.scores
    )
    notes = [
        *sheet.notes,
        *(["Intervals that did not fit are in --format md, html, latex and csv."] if left_out else []),
    ]
    width = min(max(_width(drawn), 100), WIDTH)
    return "\n".join([sheet.title, "", drawn, "", *(line for note in notes for line in textwrap.wrap(note, width))])


def markdown(sheet: Sheet) -> str:
    """For GitHub and papers in Markdown; the best score of a column is bold, ties with it are underlined."""
    from tabulate import tabulate

    rows, floors = lines_of(
        sheet,
        bold=lambda score: f"**{score}**",
        tie=lambda score: f"<u>{score}</u>",
        escape=lambda words: markdown_cell(true_minus(words)),
        draw=lambda score: true_minus(score.text()),
    )
    between = [[""] * len(header_of(sheet))] if rows and floors else []
    header = [markdown_cell(name) for name in header_of(sheet)]
    sides = _sides(sheet)
    drawn = tabulate([*rows, *between, *floors], header, tablefmt="pipe", disable_numparse=True, colalign=sides)
    notes = [f"- {markdown_text(true_minus(note))}" for note in marked(sheet)]
    return "\n".join([f"**{markdown_text(sheet.title)}**", "", drawn, "", *notes])


def marked(sheet: Sheet) -> list[str]:
    """The notes, with the meaning of bold and underlined."""
    if not sheet.best:
        return list(sheet.notes)
    return [*sheet.notes, f"{BOLD}; {TIED}." if sheet.tied else f"{BOLD}; ties with it are not tested."]


def comma_separated(sheets: Sequence[Sheet]) -> str:
    """Raw numbers at full precision with the ends of their intervals; empty where there is no number.

    One table: it has the columns of all sheets, which are empty in rows of sheets that lack them.
    """
    rows = [row for sheet in sheets for row in _raw(sheet)]
    header = list(dict.fromkeys(name for row in rows for name in row)) or ["target", "floor"]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(map(csv_cell, header))
    writer.writerows([row.get(name, "") for name in header] for row in rows)
    return out.getvalue()


def _raw(sheet: Sheet) -> Iterator[dict[str, object]]:
    """The rows of a sheet by its columns, those with ends in three."""
    every = (*sheet.rows, *sheet.floors)
    names = [name.replace("\n", " ") for name in sheet.headers]
    ends = [any((one := row.scores[j]) is not None and one.low is not None for row in every) for j in range(len(names))]
    for floor, rows in ((False, sheet.rows), (True, sheet.floors)):
        for row in rows:
            found: dict[str, object] = {"target": csv_cell(sheet.target), "floor": floor}
            found |= {"mean over": ", ".join(sheet.averaged)} if sheet.averaged else {}
            found |= dict(zip(sheet.labels, map(csv_cell, row.labels), strict=True))
            for name, score, has_ends in zip(names, row.scores, ends, strict=True):
                numbers = (None, None, None) if score is None else (score.value, score.low, score.high)
                columns = (name, f"{name} low", f"{name} high") if has_ends else (name,)
                found |= {c: "" if n is None else repr(n) for c, n in zip(columns, numbers, strict=False)}
            yield found | dict(zip(sheet.extras, map(csv_cell, row.extras), strict=True))


def _aligned(sheet: Sheet, intervals: Collection[int]) -> str:
    rows, floors = lines_of(sheet, intervals=intervals)
    headers = [
        [part for line in name.split("\n") for part in textwrap.wrap(line, 8, break_long_words=False)]
        for name in header_of(sheet)
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


def lines_of(
    sheet: Sheet,
    *,
    bold: Callable[[str], str] = str,
    tie: Callable[[str], str] = str,
    escape: Callable[[str], str] = str,
    draw: Callable[[Score], str] = Score.text,
    intervals: Collection[int] | None = None,
) -> tuple[list[list[str]], list[list[str]]]:
    """The cells of the rows and of the floors; `intervals` are the columns that have theirs, None: all."""

    def line(number: int, row: Row) -> list[str]:
        scores = []
        for j, score in enumerate(row.scores):
            alone = intervals is not None and j not in intervals
            drawn = "" if score is None else score.text(interval=False) if alone else draw(score)
            mark = bold if (number, j) in sheet.best else tie if (number, j) in sheet.tied else str
            scores.append(mark(drawn))
        return [*map(escape, row.labels), *scores, *map(escape, row.extras)]

    return [line(i, row) for i, row in enumerate(sheet.rows)], [line(-1, row) for row in sheet.floors]


def header_of(sheet: Sheet) -> list[str]:
    """The headers of labels, scores and texts; a line break separates a metric from its column of the grid."""
    return [*sheet.labels, *sheet.headers, *sheet.extras]


def _sides(sheet: Sheet) -> list[str]:
    return ["left"] * len(sheet.labels) + ["right"] * (len(sheet.headers) + len(sheet.extras))


def _width(drawn: str) -> int:
    return max(map(len, drawn.splitlines()))
