"""Columns of a table with a type: numbers, words, or labels. No cell changes its meaning in silence."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from data.base import DataError, Exclusion
from data.reading.tables.spreadsheets import MISSING
from data.text import spelling
from data.text.spelling import legible

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

NUMBER, WORDS = "number", "words"
_NO_NUMBER = frozenset(("na", "n/a", "n.a.", "nan", "null", "none", "missing", "unknown", "-", "--", "---", ".", "?"))
# Digits of other scripts are numbers to Python, but not to pandas.
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+(?:[eE][+-]?\d+)?", re.ASCII)
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?", re.ASCII)
_WHOLE = re.compile(r"[+-]?\d+(?:\.0*)?", re.ASCII)
_POINTS = re.compile(r"[+-]?[1-9]\d{0,2}\.\d{3}", re.ASCII)
_CODES = (-1, -9, -99, -999, -9999, 9, 99, 999, 9999)
_FAR = 0.7  # a code such as 999 is noted if all other values are below this part of it
_BEGINS = re.compile(r"[<>=~±≤≥≈\s]*[+-]?\d")
_SHOWN, _FEW, _MANY = 3, 10, 20


@dataclass(frozen=True)
class TypedColumn:
    """A column with its type.

    Args:
        cells: Words, or numbers as text that `to_numeric` reads; NaN where a cell is missing.
        number: Whether they are numbers.
        notes: Sentences on cells that were not taken as they are written.
        lost: A reason for each cell that is no number in a column of numbers, by line.
    """

    cells: pd.Series[str]
    number: bool = False
    notes: tuple[str, ...] = ()
    lost: Mapping[Any, str] = field(default_factory=dict)

    def excluded(self, file: str) -> list[Exclusion]:
        """The lost cells as rows of `excluded.csv`."""
        return [(file, "", "", f"line {line}: {reason}") for line, reason in self.lost.items()]


def clinical(
    cells: pd.Series[str],
    name: str,
    path: Path,
    *,
    declared: str = "",
    missing: Collection[Any] = (),
    settable: bool = False,
) -> TypedColumn:
    """A clinical column: numbers if its cells are numbers, else words.

    Args:
        cells: The cells as `spreadsheets.ids` gives them; the index is the line.
        name: The column.
        path: The table's file.
        declared: `"number"` or `"words"`; "" if nothing was said.
        missing: Values that stand for a missing one.
        settable: Whether messages may name the settings `types` and `missing`.

    Raises:
        DataError: The column mixes numbers and words and no type is declared, or a comma has two meanings.
    """
    known = without(cells, missing)
    if declared == WORDS:
        return words(known, name, path)
    filled = known[~known.isin(MISSING)].dropna()
    coded = filled[filled.str.casefold().isin(_NO_NUMBER) & (filled != "none")]
    rest = filled.drop(index=coded.index)
    numbers, how = _numbers(rest, name, path, settable=settable)
    odd = rest.drop(index=numbers.index)
    if declared != NUMBER:
        begins = odd[odd.str.match(_BEGINS)]
        if len(odd) and ((len(numbers) and numbers.nunique() >= odd.nunique()) or begins.nunique() > _FEW):
            raise DataError(f"{path}: column '{name}' holds numbers, but {_cells(odd)}: {_ways_out(name, settable)}")
        if not len(numbers) or len(odd):
            return words(known, name, path)
    notes = []
    if len(coded):
        notes.append(f"{path.name}: in column '{name}', {_cells(coded)}: read as missing.")
    if how:
        commas = rest[rest.str.contains(",", regex=False)]
        notes.append(f"{path.name}: column '{name}' is read with {how}: {_cells(commas, 1)}.")
    notes += codes(numbers, name, path, settable=settable)
    lost = {line: f"{name} is '{cell}', which is no number: read as missing" for line, cell in odd.items()}
    return TypedColumn(numbers.reindex(cells.index), True, tuple(notes), lost)


def words(cells: pd.Series[str], name: str, path: Path) -> TypedColumn:
    """A column of words: spellings that differ in capitals, blanks or `.0` are one word, the one that occurs most."""
    known = cells.mask(cells.isin(MISSING))
    found, notes = one_word(known, name, path)
    different, n = found.nunique(), int(found.notna().sum())
    if different > _MANY and different > n / 2:
        notes.append(
            f"{path.name}: column '{name}' has {different} different words in {n} cells, and each becomes a category: "
            "is it a date or an id?"
        )
    return TypedColumn(found, False, tuple(notes))


def one_word(cells: pd.Series[str], name: str, path: Path) -> tuple[pd.Series[str], list[str]]:
    """Each word in the one of its spellings that occurs most, whole numbers without `.0`; with a note on the others."""
    whole = cells.map(lambda cell: cell.partition(".")[0] if _WHOLE.fullmatch(cell) else cell, na_action="ignore")
    usual: dict[str, str] = {}
    for word, _ in Counter(whole.dropna()).most_common():  # equal ones in the order of the table
        usual.setdefault(spelling.word(word), word)
    found = whole.map(lambda cell: usual[spelling.word(cell)], na_action="ignore").astype("str").mask(cells.isna())
    # 1.0 for 1 throughout is how a spreadsheet writes whole numbers, and needs no note.
    mixed = whole.isin(set(whole[whole != cells]) & set(cells)) | (found != whole)
    changed = cells[(found != cells) & mixed & cells.notna()]
    if not len(changed):
        return found, []
    pairs = spelling.changed(dict(zip(changed, found[changed.index], strict=True)))
    return found, [f"{path.name}: column '{name}' is read with {pairs} ({_lines(changed)})."]


def codes(numbers: pd.Series[str], name: str, path: Path, *, settable: bool) -> list[str]:
    """Notes on numbers that often stand for a missing value, and lie apart from all others."""
    values = [float(cell) for cell in numbers.dropna()]
    plain = set(values).difference(_CODES)
    found = []
    for code in _CODES if plain else ():
        n = values.count(code)
        if n and (min(plain) >= 0 if code < 0 else max(plain) < _FAR * code):
            way_out = f"set missing: {{{name}: [{code}]}} if it is one" if settable else "empty the cells if it is one"
            found.append(
                f"{path.name}: column '{name}' is {code} in {n} row{'s' * (n > 1)}, apart from all other values, as a "
                f"code of missing values is: {way_out}."
            )
    return found


def points(numbers: pd.Series[str], name: str, path: Path) -> list[str]:
    """A note on numbers of a table with semicolons whose points may all part thousands, as in `1.100`."""
    parted = numbers.dropna()
    parted = parted[parted.str.contains(".", regex=False)]
    if not len(parted) or not parted.str.fullmatch(_POINTS).all():
        return []
    return [
        f"{path.name}: column '{name}' is read with decimal points: {_cells(parted, 1)}, though semicolons part its "
        "columns, as where points part thousands: write such numbers without a point."
    ]


def without(cells: pd.Series[str], missing: Collection[Any]) -> pd.Series[str]:
    """The cells, NaN where they hold one of these values, as a number or as a word."""
    marks = {_alike(str(one)) for one in missing}
    found: pd.Series[str] = cells.mask(cells.map(lambda cell: isinstance(cell, str) and _alike(cell) in marks))
    return found if marks else cells


def whole_numbers(cells: pd.Series[str]) -> pd.Series[bool]:
    """Which cells are whole numbers, such as 1 or 1.0; a missing one counts as one."""
    found: pd.Series[bool] = cells.isna() | cells.fillna("0").str.fullmatch(_WHOLE)
    return found


def cells_of(cells: pd.Series[str]) -> str:
    """The first cells with their lines for a message."""
    return _cells(cells)


def _alike(cell: str) -> str:
    return repr(float(cell)) if _NUMBER.fullmatch(cell) else cell.casefold()


def _numbers(cells: pd.Series[str], name: str, path: Path, *, settable: bool) -> tuple[pd.Series[str], str]:
    """The cells that are numbers, with a point, and how commas in them were read; empty where there are none."""
    import pandas as pd

    plain = cells[cells.str.fullmatch(_NUMBER)]
    plain = plain[[math.isfinite(float(cell)) for cell in plain]]
    commas = cells[cells.str.contains(",", regex=False)]
    decimal, thousands = commas.str.fullmatch(_DECIMAL_COMMA), commas.str.fullmatch(_THOUSANDS)
    if not (decimal | thousands).any():
        return plain, ""
    surely_decimal = decimal & (~thousands | commas.str.match(r"[+-]?0,"))
    surely_thousands = thousands & ~decimal
    points = bool(plain.str.contains(".", regex=False).any())
    if surely_decimal.any() and not surely_thousands.any() and not points:
        how, read = "decimal commas", commas[decimal].str.replace(",", ".", regex=False)
    elif surely_thousands.any() and not surely_decimal.any():
        how, read = "commas between thousands", commas[thousands].str.replace(",", "", regex=False)
    else:
        words_too = f", or set types: {{{name}: words}} if they are categories" if settable else ""
        raise DataError(
            f"{path}: in column '{name}', {_cells(commas[decimal | thousands])}: the comma may part decimals or "
            f"thousands: write numbers with a point and nothing between thousands, such as 1234.5{words_too}"
        )
    return pd.concat([plain, read]).sort_index(), how


def _cells(cells: pd.Series[str], shown: int = _SHOWN) -> str:
    """`line 3 has '>89' and line 7 has '63 y'`, with the number of the others."""
    named = [f"line {line} has '{legible(cell)}'" for line, cell in cells.iloc[:shown].items()]
    if len(cells) > shown:
        return ", ".join(named) + f" and {len(cells) - shown} more"
    return " and ".join([", ".join(named[:-1]), named[-1]] if len(named) > 1 else named)


def _lines(cells: pd.Series[str]) -> str:
    lines = [str(line) for line in cells.index[:_SHOWN]]
    return f"line{'s' * (len(cells) > 1)} {', '.join(lines)}" + (" ..." if len(cells) > _SHOWN else "")


def _ways_out(name: str, settable: bool) -> str:
    if not settable:
        return "write numbers only, or empty these cells"
    return (
        f"mend the cells, or set types: {{{name}: number}} to read them as missing, or types: {{{name}: words}} to "
        "make each value a category"
    )
