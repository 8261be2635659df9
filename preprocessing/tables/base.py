"""The contract of a table step."""

from __future__ import annotations

from typing import Any


class Table:
    """Columns of the table of samples to numbers, fitted on the training patients of the fold.

    A plug-in is a frozen keyword-only dataclass. It gets the clinical columns and, if `locations` is true, the columns
    that locate a sample (level, side, condition).
    """

    locations: bool = False

    def build(self, *, seed: int) -> Any | None:
        """A scikit-learn transformer of a DataFrame of columns, or None where the columns are not used."""
        raise NotImplementedError
