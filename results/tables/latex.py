"""Draws a table for pdflatex, in the widest type that its page has room for."""

from __future__ import annotations

import textwrap
import unicodedata
from dataclasses import dataclass

from results.tables.formats import Score, Sheet, header_of, lines_of, marked
from results.tables.halves import halves
from results.tables.typography import BLANK, ems, typeset, wrapped

LONG = 40
"""Rows from which a table may break over pages."""
PORTRAIT, LANDSCAPE = 345.0, 550.0
"""The width of the text of a page in points, that of LaTeX's article, upright and turned."""
HEIGHT = 550.0
CAPTION = 290
"""The letters that four lines of a caption hold."""
EM = {9: 1.07, 8: 1.11, 7: 1.2, 6: 1.28}
"""How wide the letters of Computer Modern are at each size, in relation to those of 10 points."""
SMALLEST = 6
_SIGNS = {"\u00b1": r"$\pm$", "\u00d7": r"$\times$", "\u2264": r"$\leq$", "\u2265": r"$\geq$", "\u2212": "$-$"} | {
    "\u2248": r"$\approx$",
    "\u2206": r"$\Delta$",
    "\u2192": r"$\to$",
    "\u2020": r"\dag{}",
    "\u2021": r"\ddag{}",
}
_BREAK = r"\\{}"


@dataclass(frozen=True)
class _Layout:
    """How a table is set.

    Args:
        landscape: Whether its page is turned.
        size: The size of the type in points.
        stacked: Whether intervals stand below their scores.
        wrapped: Letters at which labels are wrapped; None: they are not.
    """

    landscape: bool
    size: int
    stacked: bool = False
    wrapped: int | None = None

    @property
    def room(self) -> float:
        """The width of the text in points."""
        return LANDSCAPE if self.landscape else PORTRAIT

    @property
    def gap(self) -> float:
        """Half of the blank between two columns, in points."""
        return 4.0 if self.size > 7 else 2.5


LAYOUTS = (
    *(_Layout(False, size) for size in (9, 8, 7)),
    *(_Layout(True, size) for size in (9, 8, 7)),
    *(_Layout(True, size, wrapped=26) for size in (7, SMALLEST)),
    *(_Layout(True, size, stacked=True) for size in (8, 7)),
    *(_Layout(True, size, stacked=True, wrapped=20) for size in (7, SMALLEST)),
)


def latex(sheet: Sheet) -> str:
    """A table for a paper, with a line on top that names the packages it needs.

    Tables that fit on an upright page float. Others, and those of `LONG` rows or more, break over pages and repeat
    their header. Wide tables lie on turned pages; if a table does not fit there in 6 points, its columns of scores are
    spread over several tables. The caption has the title and as many notes as four lines hold; the others stand below.
    """
    layout = next((one for one in LAYOUTS if sum(_widths(sheet, one)) <= one.room), None)
    if layout is None and len(sheet.headers) > 1:
        return "\n\n".join(map(latex, halves(sheet)))
    return _drawn(sheet, layout or LAYOUTS[-1])


def _drawn(sheet: Sheet, layout: _Layout) -> str:
    rows, floors = _cells(sheet, layout)
    caption, notes = _caption(sheet)
    end = r" \\" + (r"\addlinespace[1pt]" if layout.stacked else "")
    lines = [[_first(" & ".join(row)) + end for row in part] for part in (rows, floors)]
    body = [*lines[0], *([r"\midrule"] if rows and floors else []), *lines[1]]
    columns = "".join("l" if j < len(sheet.labels) else "r" for j in range(len(header_of(sheet))))
    header = [r"\toprule", " & ".join(_headers(sheet, layout)) + r" \\", r"\midrule"]
    height = layout.size * 1.25 * sum(1 + max(cell.count(_BREAK) for cell in row) for row in (*rows, *floors))
    height += 10 * sum(len(note) // 95 + 1 for note in notes) + 100
    long = layout.landscape or layout.stacked or len(rows) + len(floors) >= LONG or height > HEIGHT
    size = (
        rf"\fontsize{{{layout.size}}}{{{layout.size * 1.2:g}}}\selectfont\setlength{{\tabcolsep}}{{{layout.gap:g}pt}}%"
    )
    small = r"\par\smallskip\noindent\footnotesize " + "\n".join(map(_escape, notes)) if notes else ""
    packages = "booktabs" + (",longtable" if long else "") + (",pdflscape" if layout.landscape else "")
    needs = [rf"% \usepackage{{{packages}}}", *_other_letters(sheet)]
    given = rf"\caption[{{{_escape(sheet.title)}}}]{{{caption}}}"
    if not long:
        table = [rf"\begin{{tabular}}{{{columns}}}", *header, *body, r"\bottomrule", r"\end{tabular}"]
        below = [r"\begin{minipage}{\linewidth}" + small, r"\end{minipage}"] if notes else []
        opening = [r"\begin{table}[htbp]", r"\centering", given + r"\medskip", "{" + size]
        return "\n".join([*needs, *opening, *table, "}", *below, r"\end{table}"])
    n = len(header_of(sheet))
    table = [
        rf"\begin{{longtable}}{{{columns}}}",
        rf"{given} \\",
        *header,
        r"\endfirsthead",
        rf"\multicolumn{{{n}}}{{l}}{{(continued)}} \\",
        *header,
        r"\endhead",
        rf"\midrule \multicolumn{{{n}}}{{r}}{{(continues)}} \\",
        r"\endfoot",
        r"\bottomrule",
        r"\endlastfoot",
        *body,
        r"\end{longtable}",
    ]
    turned = [[r"\begin{landscape}"], [r"\end{landscape}"]] if layout.landscape else [[], []]
    set_up = [r"\begingroup" + size, r"\setlength{\LTcapwidth}{\linewidth}"]
    return "\n".join([*needs, *turned[0], *set_up, *table, *([small] if small else []), r"\par\endgroup", *turned[1]])


def _cells(sheet: Sheet, layout: _Layout) -> tuple[list[list[str]], list[list[str]]]:
    def marked_with(command: str, score: str) -> str:
        lines = [rf"\{command}{{{line}}}" for line in score.split("\n")]
        return "\n".join(lines)

    rows, floors = lines_of(
        sheet,
        bold=lambda score: marked_with("textbf", score),
        tie=lambda score: marked_with("underline", score),
        escape=lambda words: "\n".join(map(_escape, wrapped(words, layout.wrapped))),
        draw=lambda score: "\n".join(map(_escape, _score(score, layout))),
    )
    left = len(sheet.labels)
    return tuple(
        [[_stack(cell, "t", j < left) for j, cell in enumerate(row)] for row in part] for part in (rows, floors)
    )  # type: ignore[return-value]


def _score(score: Score, layout: _Layout) -> list[str]:
    """The lines of a score: one, or the score and its interval."""
    value, _, interval = score.text().partition(" ")
    return [value, interval] if layout.stacked and interval else [score.text()]


def _headers(sheet: Sheet, layout: _Layout) -> list[str]:
    """Headers, wrapped to about the width of what stands below them."""
    below = _below(sheet, layout)
    found = []
    for j, (name, width) in enumerate(zip(header_of(sheet), below, strict=True)):
        lines = [
            part for line in name.split("\n") for part in textwrap.wrap(line, max(8, width), break_long_words=False)
        ]
        found.append(_stack("\n".join(map(_escape, lines)), "b", j < len(sheet.labels)))
    return found


def _below(sheet: Sheet, layout: _Layout) -> list[int]:
    """The most letters that a line of each column has, headers left out."""
    rows, floors = lines_of(
        sheet,
        escape=lambda words: "\n".join(wrapped(words, layout.wrapped)),
        draw=lambda score: "\n".join(_score(score, layout)),
    )
    every = [*rows, *floors] or [[""] * len(header_of(sheet))]
    return [max(len(line) for cell in column for line in cell.split("\n")) for column in zip(*every, strict=True)]


def _widths(sheet: Sheet, layout: _Layout) -> list[float]:
    """About how wide each column is, in points."""
    rows, floors = lines_of(
        sheet,
        bold=lambda score: "\n".join(line + "xx" for line in score.split("\n")),
        escape=lambda words: "\n".join(wrapped(words, layout.wrapped)),
        draw=lambda score: "\n".join(_score(score, layout)),
    )
    found = []
    for j, (name, below) in enumerate(zip(header_of(sheet), _below(sheet, layout), strict=True)):
        lines = [
            part for line in name.split("\n") for part in textwrap.wrap(line, max(8, below), break_long_words=False)
        ]
        lines += [line for row in (*rows, *floors) for line in row[j].split("\n")]
        found.append(layout.size * EM[layout.size] * max(map(ems, lines), default=0.0) + 2 * layout.gap)
    return found


def _first(line: str) -> str:
    """The line, so that LaTeX does not take its first sign as an argument of the line break before it."""
    return f"{{}}{line}" if line.startswith(("[", "*")) else line


def _stack(cell: str, place: str, left: bool) -> str:
    """A cell of several lines."""
    if "\n" not in cell:
        return cell
    side = "l" if left else "r"
    return rf"\begin{{tabular}}[{place}]{{@{{}}{side}@{{}}}}" + cell.replace("\n", _BREAK) + r"\end{tabular}"


def _caption(sheet: Sheet) -> tuple[str, list[str]]:
    """The caption, and the notes that it has no room for."""
    notes, caption = marked(sheet), f"{sheet.title}."
    while notes and len(caption) + len(notes[0]) < CAPTION:
        caption += f" {notes.pop(0)}"
    return _escape(caption), notes


def _other_letters(sheet: Sheet) -> list[str]:
    """A line that warns of letters that pdflatex does not know, such as Chinese ones."""
    every = _escape(
        " ".join([sheet.title, *marked(sheet), *header_of(sheet), *(w for r in sheet.rows for w in r.labels)])
    )
    other = sorted({c for c in every if ord(c) > 0x17F and not 0x2010 <= ord(c) <= 0x2026})
    return [f"% pdflatex lacks some letters, such as {other[0]}: compile with lualatex or xelatex"] if other else []


def _escape(words: str) -> str:
    """Text for pdflatex, with Greek letters and signs as mathematics; lines don't break inside intervals."""
    special = {c: rf"\{c}" for c in "&%$#_{}"} | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}"}
    special |= {"^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}"}

    def escaped(part: str) -> str:
        part = unicodedata.normalize("NFKC", part)
        return "".join(special.get(c) or _SIGNS.get(c) or _greek(c) for c in part)

    return "~".join(map(escaped, typeset(words).split(BLANK)))


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
