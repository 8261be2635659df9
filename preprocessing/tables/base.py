"""The contract of a table step."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from data.describing.plug_in import Description, PlugIn


class Table(PlugIn):
    """Columns of the table of samples to numbers, fitted on the training patients of the fold.

    A plug-in is a frozen keyword-only dataclass. It gets the clinical columns and, if `locations` is true, the columns
    that locate a sample (level, side, condition).
    """

    locations: bool = False

    def build(self, *, seed: int) -> Any | None:
        """A scikit-learn transformer of a DataFrame of columns, or None if the columns are not used."""
        raise NotImplementedError

    def describe(self) -> Description:
        """The description: the step learns from the columns of the training patients."""
        return replace(super().describe(), learns="columns")
