"""Signs of printed numbers: a true minus, and blanks at which no line breaks."""

from __future__ import annotations

import re

MINUS, BLANK = "\N{MINUS SIGN}", "\N{NO-BREAK SPACE}"
_NUMBER = r"[+\-\N{MINUS SIGN}]?\d+(?:\.\d+)?"
_HYPHEN = re.compile(r"(?<![\w.)\]])-(?=\d)")
_INTERVAL = re.compile(rf"(?:({_NUMBER}) )?\[({_NUMBER}), ({_NUMBER})\]")
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
