"""Signs of printed numbers: a true minus and blanks that hold; and how wide words are."""

from __future__ import annotations

import re

MINUS, BLANK = "\N{MINUS SIGN}", "\N{NO-BREAK SPACE}"
_NUMBER = r"[+\-\N{MINUS SIGN}]?\d+(?:\.\d+)?"
_HYPHEN = re.compile(r"(?<![\w.)\]])-(?=\d)")
_INTERVAL = re.compile(rf"(?:({_NUMBER}) )?\[({_NUMBER}), ({_NUMBER})\]")
_NARROW, _WIDE = frozenset("il.,;:[]()'| fjtrI!/\N{NO-BREAK SPACE}"), frozenset("mwMW@%+\N{MINUS SIGN}=<>\u2192\u2248")
_UNITS = re.compile(r"(?<=\d) (?=%|mm\b)|(?<=[<>=]) (?=\d)|(?<=\bp) (?=[<>=])")


def true_minus(words: str) -> str:
    """The words with a minus sign before negative numbers; hyphens in names, dates and ranges stay."""
    return _HYPHEN.sub(MINUS, words)


def typeset(words: str) -> str:
    """As `true_minus`, and no line breaks inside an interval, between a number and its unit, or after `p <`."""

    def joined(found: re.Match[str]) -> str:
        value, low, high = found.groups()
        return f"{f'{value}{BLANK}' if value else ''}[{low},{BLANK}{high}]"

    return _UNITS.sub(BLANK, _INTERVAL.sub(joined, true_minus(words)))


def ems(words: str) -> float:
    """About how wide words are in Computer Modern of 10 points, in ems."""
    return sum(0.31 if c in _NARROW else 0.8 if c in _WIDE else 0.7 if c.isupper() else 0.5 for c in words)


def wrapped(words: str, most: int | None) -> list[str]:
    """The words in lines of about `most` letters, broken at blanks and after the signs in names of steps."""
    if most is None or len(words) <= most:
        return [words]
    lines: list[str] = []
    line, word = "", ""
    for c in words:
        word += c
        if c in " (,_+/|-":
            if line and len(line) + len(word.rstrip()) > most:
                lines, line = [*lines, line.rstrip()], ""
            line, word = line + word, ""
    if line and len(line) + len(word) > most:
        lines, line = [*lines, line.rstrip()], ""
    return [*lines, (line + word).rstrip()]
