"""Ids of patients and names of places: one spelling each, and samples that are named after them."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from data.base import DataError
from data.text.spelling import legible, spelling

if TYPE_CHECKING:
    import pandas as pd

NOBODY = frozenset(("na", "n/a", "nan", "null", "none", "unknown", "anonymous", "-", "?", "."))
"""Names in small letters that may mean that no patient is known."""

_SHOWN = 3
_PLUS = re.compile(r"^\+(?=\d)")
_DATE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"  # spreadsheets write them for a hyphen
_CYRILLIC = "\u0430\u0441\u0435\u0456\u0458\u043e\u0440\u0455\u0445\u0443"  # look like aceijopsxy, and capitals
_CYRILLIC += "\u0410\u0412\u0421\u0415\u041d\u0406\u0408\u041a\u041c\u041e\u0420\u0405\u0422\u0425\u0423"
_GREEK = "\u03bf\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7"
_ALIKE = str.maketrans(_DASHES, "-" * len(_DASHES)) | str.maketrans(_CYRILLIC, "aceijopsxyABCEHIJKMOPSTXY")
_ALIKE |= str.maketrans(_GREEK, "oABEZHIKMNOPTYX")
_WAY_OUT = "write both the same way, or set ids: exact if they are two"
_SHORTENED = re.compile(r"\d(?:[.,]\d+)?[eE]\+\d+")  # how a spreadsheet writes a long number


def check(cells: pd.Series[str], what: str, where: object, *, dates: bool = True) -> None:
    """Demands names that can be told apart: one spelling of each, no control characters, no shortened numbers.

    Args:
        cells: The names, with the line of each as the index; missing ones don't count.
        what: What messages call them, such as `patient`.
        where: The file that messages name.
        dates: Whether a name may be a date, as spreadsheets make it of an id such as 3-1.

    Raises:
        DataError: Names the pairs, their lines and the ways out.
    """
    cells = cells.dropna()
    clean(cells, what, where)
    short = cells[cells.str.fullmatch(_SHORTENED)]
    if len(short):
        raise DataError(
            f"{where}: {what} '{short.iloc[0]}' in line {short.index[0]} is a long number that a spreadsheet "
            "shortened, so two may have become one: store the column as text, from where its digits are whole"
        )
    made = cells[cells.str.fullmatch(_DATE)]
    if len(made) and not dates:
        raise DataError(
            f"{where}: {what} '{made.iloc[0]}' in line {made.index[0]} is a date, which a spreadsheet makes of an id "
            "such as 3-1: store the column as text, or set ids: exact"
        )
    one_spelling(((cell, f"line {line}") for line, cell in cells.drop_duplicates().items()), what, where)


def clean(cells: pd.Series[str], what: str, where: object) -> None:
    """Demands names without control characters, such as a line break.

    Raises:
        DataError: Names the first.
    """
    for line, cell in cells.dropna().drop_duplicates().items():
        if any(unicodedata.category(sign) == "Cc" for sign in cell):
            raise DataError(f"{where}: {what} '{legible(cell)}' in line {line} has a control character: take it out")


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
        before = known.setdefault(_looks(name), (name, place))
        if before[0] != name:
            pairs.append((*before, name, place))
    if pairs:
        shown = "; ".join(
            f"'{legible(a, beside=b)}' in {at} and '{legible(b, beside=a)}' in {there}"
            for a, at, b, there in pairs[:_SHOWN]
        )
        more = f" ({len(pairs)} such pairs)" if len(pairs) > _SHOWN else ""
        raise DataError(
            f"{where}: {what} is {shown}{more}, which differ only in case, blanks, zeros, dashes or the form of "
            f"letters: {way_out}"
        )


def _looks(name: str) -> str:
    """What names have in common that look alike: also dashes of any length, a plus, and letters of other scripts."""
    alike = name if name.isascii() else name.translate(_ALIKE)
    return _PLUS.sub("", spelling(alike))


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
