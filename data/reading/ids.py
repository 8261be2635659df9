"""Ids of patients and names of places: one spelling each, and samples that are named after them."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from data.base import DataError
from data.text.spelling import seen, spelling

if TYPE_CHECKING:
    import pandas as pd

NOBODY = frozenset(("na", "n/a", "nan", "null", "none", "unknown", "anonymous", "-", "?", "."))
"""Names in small letters that may mean that no patient is known."""

_SHOWN = 3
_WAY_OUT = "write both the same way, or set ids: exact if they are two"
_SHORTENED = re.compile(r"\d(?:[.,]\d+)?[eE]\+\d+")  # how a spreadsheet writes a long number


def check(cells: pd.Series[str], what: str, where: object) -> None:
    """Demands names that can be told apart: one spelling of each, no control characters, no shortened numbers.

    Args:
        cells: The names, with the line of each as the index; missing ones don't count.
        what: What messages call them, such as `patient`.
        where: The file that messages name.

    Raises:
        DataError: Names the pairs, their lines and the ways out.
    """
    cells = cells.dropna()
    clean(cells, what, where)
    short = cells[cells.str.fullmatch(_SHORTENED)]
    if len(short):
        raise DataError(
            f"{where}: {what} '{short.iloc[0]}' in line {short.index[0]} is a long number that a spreadsheet "
            "shortened, so two may have become one: store the column as text, or set ids: exact"
        )
    one_spelling(((cell, f"line {line}") for line, cell in cells.drop_duplicates().items()), what, where)


def clean(cells: pd.Series[str], what: str, where: object) -> None:
    """Demands names without control characters, such as a line break.

    Raises:
        DataError: Names the first.
    """
    for line, cell in cells.dropna().drop_duplicates().items():
        if any(unicodedata.category(sign) == "Cc" for sign in cell):
            raise DataError(f"{where}: {what} {cell!a} in line {line} has a control character: take it out")


def one_spelling(names: Iterable[tuple[str, str]], what: str, where: object, *, way_out: str = _WAY_OUT) -> None:
    """Demands that no two names differ only in their spelling, since one patient would then count as two.

    Args:
        names: Each name with the place where it first stands, such as `line 3`.
        what: What messages call a name, such as `patient`.
        where: The file that messages name.
        way_out: What the user can do.

    Raises:
        DataError: Names the pairs.
    """
    known: dict[str, tuple[str, str]] = {}
    pairs = []
    for name, place in names:
        before = known.setdefault(spelling(name), (name, place))
        if before[0] != name:
            pairs.append((*before, name, place))
    if pairs:
        shown = "; ".join(f"'{seen(a)}' in {at} and '{seen(b)}' in {there}" for a, at, b, there in pairs[:_SHOWN])
        more = f" ({len(pairs)} such pairs)" if len(pairs) > _SHOWN else ""
        raise DataError(
            f"{where}: {what} is {shown}{more}, which differ only in case, blanks, zeros or the form of letters: "
            f"{way_out}"
        )


def joined(keys: Iterable[tuple[str, ...]], where: object) -> dict[tuple[str, ...], str]:
    """A name of its own for each id of several parts, which are joined by `_`.

    Only where two ids would then have one name, `_` within a part becomes `%5F`: patient `0_1` at `3` and patient `0`
    at `1_3` become `0%5F1_3` and `0_1%5F3`.

    Raises:
        DataError: Two ids still have one name.
    """
    plain = {parts: "_".join(parts) for parts in keys}
    count = Counter(plain.values())
    names = {
        parts: name if count[name] == 1 else "_".join(p.replace("%", "%25").replace("_", "%5F") for p in parts)
        for parts, name in plain.items()
    }
    if len(set(names.values())) < len(names):
        raise DataError(f"{where}: two samples have the same name: take '_' and '%' out of patients and places")
    return names
