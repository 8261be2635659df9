"""No clinical columns."""

from __future__ import annotations

from dataclasses import dataclass, replace

from data.describing.plug_in import Description
from preprocessing.tables.base import Table


@dataclass(frozen=True, kw_only=True)
class NoTable(Table):
    """Leaves clinical columns out: the head reads only the images' features."""

    words = "no clinical columns"

    def build(self, *, seed: int) -> None:
        """No transformer."""

    def describe(self) -> Description:
        """The description: the step learns nothing."""
        return replace(super().describe(), learns="nothing")
