"""No clinical columns."""

from __future__ import annotations

from dataclasses import dataclass

from preprocessing.tables.base import Table


@dataclass(frozen=True, kw_only=True)
class NoTable(Table):
    """Leaves clinical columns out: the head reads only the images' features."""

    def build(self, *, seed: int) -> None:
        """No transformer."""
