"""What the columns of a table look like: their names in plain words, and facts about their cells."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from data.reading.tables import spreadsheets, typed

if TYPE_CHECKING:
    import pandas as pd

ENDINGS = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".dcm", ".ima", ".mha", ".mhd", ".nii", ".nii.gz", ".nrrd", ".bmp")
_NUMBER = re.compile(r"[+-]?(?:\d+[.,]?\d*|[.,]\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_QUANTITY = re.compile(rf"{_NUMBER.pattern}\s*(?:[^\W\d_]|[%°²³/])+", re.ASCII)
_PARTS = re.compile(r"[^\W\d_]+|\d+")
_HUMPS = re.compile(r"(?<=[^\W\d_A-ZÀ-Þ])(?=[A-ZÀ-Þ])|(?<=[A-ZÀ-Þ])(?=[A-ZÀ-Þ][a-zß-ÿ])")
_SHOWN, _LISTED = 5, 20


@dataclass(frozen=True)
class LookedAtColumn:
    """A column and the facts by which its role is guessed.

    Args:
        name: As the table writes it.
        cells: Its cells as text, NaN where they are missing; the index is the line in the file.
    """

    name: str
    cells: pd.Series[str] = field(repr=False)

    @cached_property
    def words(self) -> frozenset[str]:
        """The words of its name in small letters: `Pat. ID` and `PatID` have `pat` and `id`."""
        return frozenset(part.lower() for part in _PARTS.findall(_HUMPS.sub(" ", self.name)))

    @cached_property
    def values(self) -> list[str]:
        """Its different values, the commonest first."""
        return [str(value) for value in self.cells.value_counts().index]

    @cached_property
    def filled(self) -> pd.Series[str]:
        """Its cells that are not missing."""
        return self.cells.dropna()

    @cached_property
    def numbers(self) -> bool:
        """Whether all its cells are numbers."""
        return bool(self.values) and all(_NUMBER.fullmatch(value) for value in self.values)

    @cached_property
    def with_units(self) -> bool:
        """Whether all its cells are numbers with a unit behind, such as `57y` or `63 kg`."""
        return bool(self.values) and all(_QUANTITY.fullmatch(value) for value in self.values)

    @cached_property
    def whole(self) -> bool:
        """Whether all its cells are whole numbers."""
        return bool(self.values) and bool(typed.whole_numbers(self.cells).all())

    @property
    def files(self) -> float:
        """The share of its cells that end like files of images."""
        return sum(value.lower().split("#")[0].endswith(ENDINGS) for value in self.filled) / max(len(self.filled), 1)

    def says(self, *words: str) -> bool:
        """Whether its name holds one of these words."""
        return bool(self.words.intersection(words))

    @property
    def facts(self) -> str:
        """`506 of 506 filled, 2 different: 0, 1`; between semicolons where a value has a comma."""
        between = "; " if any("," in value for value in self.values[:_SHOWN]) else ", "
        shown = between.join(value if len(value) <= 40 else value[:37] + "..." for value in self.values[:_SHOWN])
        more = " ..." if len(self.values) > _SHOWN else ""
        return f"{len(self.filled)} of {len(self.cells)} filled, {len(self.values)} different: {shown}{more}"


def look(table: pd.DataFrame, path: Path) -> list[LookedAtColumn]:
    """The columns of a table that have a name and a cell.

    Args:
        table: What `spreadsheets.read` gave.
        path: Its file.
    """
    found = []
    for place, name in enumerate(table.columns):
        cells = table.iloc[:, place].astype("str").str.strip()
        cells = cells.mask(table.iloc[:, place].isna() | cells.isin(spreadsheets.MISSING))
        if str(name).strip() and not str(name).startswith("Unnamed:"):
            found.append(LookedAtColumn(str(name), cells))
    return found


def without_copies(columns: Sequence[LookedAtColumn]) -> tuple[list[str], list[LookedAtColumn]]:
    """A sentence on lines that are copies of others, if there are any, and the columns without these lines."""
    import pandas as pd

    rows = pd.concat([column.cells for column in columns], axis=1)
    copies = rows.index[rows.duplicated()]
    if not len(copies):
        return [], list(columns)
    first = next(line for line in rows.index if rows.loc[line].equals(rows.loc[copies[0]]))
    named, rest = ", ".join(map(str, copies[1:_LISTED])), len(copies[_LISTED:])
    lines = "lines" if len(copies) > 2 else "line"
    more = f", and {lines} {named}{f' and {rest} more' if rest else ''} of others" if named else ""
    what = f"these {len(copies)} lines" if named else "one of the two"
    kept = [LookedAtColumn(column.name, column.cells.drop(copies)) for column in columns]
    return [f"line {copies[0]} is a copy of line {first}{more}: delete {what}, since a run refuses the table"], kept


def root_of(column: LookedAtColumn, folder: Path) -> tuple[Path, list[str]]:
    """The folder below which most files of a column lie, and the cells that lead to no file from there.

    Args:
        column: A column of files.
        folder: The folder of the table; it, its folders and the working folder are tried.
    """
    inside = sorted(one for one in folder.iterdir() if one.is_dir() and not one.name.startswith("."))[:50]
    best: tuple[Path, list[str]] | None = None
    for root in (folder, Path(), *inside):
        missing = [value for value in column.values if not (root / value.split("#")[0]).exists()]
        if best is None or len(missing) < len(best[1]):
            best = root, missing
        if not missing:
            break
    assert best is not None
    return best


def unique(columns: Sequence[LookedAtColumn]) -> bool:
    """Whether no two rows have the same values in all of these columns."""
    import pandas as pd

    rows = pd.concat([column.cells for column in columns], axis=1).dropna()
    return not bool(rows.duplicated().any())
