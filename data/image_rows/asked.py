"""The columns that a grid names of a table of images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.base import DataError
from data.image_rows import class_order
from data.reading.tables import spreadsheets
from data.reading.tables.column_rules import ColumnRules

if TYPE_CHECKING:
    import pandas as pd

_OURS = frozenset(("sample", "patient", "study", "split", "series", "file", "mask file"))


@dataclass(frozen=True)
class Asked:
    """The fields of `image_table` that name columns or say how they are read."""

    path: Path
    root: Path
    image: str
    patient: str
    sequence: str
    locations: tuple[str, ...]
    labels: tuple[str, ...]
    ordinal: tuple[str, ...]
    clinical: tuple[str, ...]
    mask: str
    split: str
    ids: str
    types: Mapping[str, str]
    missing: Mapping[str, Any]
    classes: Mapping[str, Any]

    def check(self, table: pd.DataFrame) -> None:
        """Demands that a column has one role, and that settings name columns that are read.

        Raises:
            DataError: Names the column and the way out.
        """
        if taken := _OURS.intersection((*self.locations, *self.labels, *self.clinical)):
            raise DataError(f"{self.path}: a label, place or clinical column can't be named '{min(taken)}': rename it")
        if self.ids not in ("", "exact"):
            raise DataError(f"{self.path}: ids is '{self.ids}': use exact, or leave it out")
        class_order.check(self.path, self.classes, self.labels)
        self._one_role_each(table)
        self.rules.check(table, self.clinical, self.labels)

    @property
    def rules(self) -> ColumnRules:
        """What the fields say about types and missing values."""
        return ColumnRules(self.path, self.types, self.missing)

    def find(self, table: pd.DataFrame, name: str) -> int | None:
        """The place of a column."""
        return spreadsheets.find(table, name, self.path) if name else None

    def _one_role_each(self, table: pd.DataFrame) -> None:
        """A column that is a label and something else would give the label away."""
        roles: dict[int, str] = {}
        named = {"locations": self.locations, "clinical": self.clinical, "labels": self.labels}
        named |= {role: (getattr(self, role),) for role in ("image", "patient", "sequence", "mask", "split")}
        for role, columns in named.items():
            for place in [self.find(table, column) for column in columns]:
                if place is not None and (before := roles.setdefault(place, role)) != role:
                    raise DataError(
                        f"{self.path}: column '{table.columns[place]}' is in `{before}` and in `{role}`: name it in "
                        "one of them"
                    )
