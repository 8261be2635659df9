"""The columns that a grid names of a table of images."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.base import DataError
from data.reading import spreadsheets, typed

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

    def check(self, table: pd.DataFrame) -> None:
        """Demands that a column has one role, and that settings name columns that are read.

        Raises:
            DataError: Names the column and the way out.
        """
        if taken := _OURS.intersection((*self.locations, *self.labels, *self.clinical)):
            raise DataError(f"{self.path}: a label, place or clinical column can't be named '{min(taken)}': rename it")
        if self.ids not in ("", "exact"):
            raise DataError(f"{self.path}: ids is '{self.ids}': use exact, or leave it out")
        self._one_role_each(table)
        known = (typed.NUMBER, typed.WORDS)
        for name, kind in self.types.items():
            if kind not in known:
                raise DataError(f"{self.path}: types: {name} is '{kind}': use {' or '.join(known)}")
        self._check_named(table, "types", self.types, self.clinical, "clinical")
        self._check_named(table, "missing", self.missing, (*self.labels, *self.clinical), "labels, ordinal or clinical")

    def find(self, table: pd.DataFrame, name: str) -> int | None:
        """The place of a column."""
        return spreadsheets.find(table, name, self.path) if name else None

    def type_of(self, table: pd.DataFrame, name: str) -> str:
        """The declared type of a column; "" if none was declared."""
        place = self.find(table, name)
        return next((kind for key, kind in self.types.items() if self.find(table, key) == place), "")

    def missing_of(self, table: pd.DataFrame, name: str) -> tuple[Any, ...]:
        """The values of a column that stand for a missing one."""
        place = self.find(table, name)
        found = next((values for key, values in self.missing.items() if self.find(table, key) == place), ())
        return tuple(found) if isinstance(found, list | tuple) else (found,)

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

    def _check_named(
        self, table: pd.DataFrame, setting: str, named: Collection[str], columns: Collection[str], where: str
    ) -> None:
        places = {self.find(table, name) for name in columns}
        for name in named:
            if self.find(table, name) is None or self.find(table, name) not in places:
                raise DataError(f"{self.path}: {setting} names '{name}', which is no column of {where}")
