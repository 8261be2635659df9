"""What a grid says about the columns of a table: their types, and which values mean a missing one."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.base import DataError
from data.reading.tables import spreadsheets, typed
from data.reading.tables.typed import TypedColumn
from data.text.spelling import legible

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class ColumnRules:
    """The settings `types` and `missing` of a table.

    Args:
        path: The table's file.
        types: `number` or `words`, by clinical column.
        missing: The values that mean a missing one, by column.
    """

    path: Path
    types: Mapping[str, str] = field(default_factory=dict)
    missing: Mapping[str, Any] = field(default_factory=dict)

    def check(self, table: pd.DataFrame, clinical: Collection[str], labels: Collection[str] = ()) -> None:
        """Demands types that exist, and names of columns that are read.

        Raises:
            DataError: Names the setting.
        """
        known = (typed.NUMBER, typed.WORDS)
        for name, kind in self.types.items():
            if kind not in known:
                raise DataError(f"{self.path}: types: {name} is '{kind}': use {' or '.join(known)}")
        self._check_named(table, "types", self.types, clinical, "clinical")
        where = "labels, ordinal or clinical" if labels else "clinical"
        self._check_named(table, "missing", self.missing, (*labels, *clinical), where)

    def clinical(self, table: pd.DataFrame, name: str) -> TypedColumn:
        """A clinical column of the table with its type; see `typed.clinical`."""
        place = self._find(table, name)
        declared = next((kind for key, kind in self.types.items() if self._find(table, key) == place), "")
        cells = spreadsheets.ids(table, name, self.path)
        missing = self.missing_of(table, name)
        found = typed.clinical(cells, name, self.path, declared=declared, missing=missing, settable=True)
        notes = [*found.notes, *self.unused(table, name), *self._telling(found.cells, name)]
        if found.number and table.attrs.get(spreadsheets.SEMICOLONS):
            notes += typed.points(found.cells, name, self.path)
        return replace(found, notes=tuple(notes))

    def unused(self, table: pd.DataFrame, name: str) -> list[str]:
        """A note on each value that is said to mean a missing one, but is in no cell of the column."""
        cells = spreadsheets.ids(table, name, self.path)
        values = [value for value in self.missing_of(table, name) if typed.without(cells, [value]).equals(cells)]
        return [f"{self.path.name}: missing: {name} names '{value}', which is in no cell of it." for value in values]

    def _telling(self, cells: pd.Series[str], name: str) -> list[str]:
        values = cells.dropna().unique()
        if len(values) > 1:
            return []
        state = f"is '{legible(str(values[0]))}' wherever it is filled" if len(values) else "is empty"
        return [f"{self.path.name}: column '{name}' {state}, so it tells no patients apart."]

    def missing_of(self, table: pd.DataFrame, name: str) -> tuple[Any, ...]:
        """The values of a column that stand for a missing one."""
        place = self._find(table, name)
        found = next((values for key, values in self.missing.items() if self._find(table, key) == place), ())
        return tuple(found) if isinstance(found, list | tuple) else (found,)

    def _find(self, table: pd.DataFrame, name: str) -> int | None:
        return spreadsheets.find(table, name, self.path)

    def _check_named(
        self, table: pd.DataFrame, setting: str, named: Collection[str], columns: Collection[str], where: str
    ) -> None:
        places = {self._find(table, name) for name in columns}
        for name in named:
            if self._find(table, name) is None or self._find(table, name) not in places:
                raise DataError(f"{self.path}: {setting} names '{name}', which is no column of {where}")
