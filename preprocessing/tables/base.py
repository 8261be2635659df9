"""The contract of a table step."""

from __future__ import annotations

from typing import Any


class Table:
    """Clinical columns to numbers, fitted on the training patients of the fold."""

    def build(self, *, seed: int) -> Any | None:
        """A scikit-learn transformer of a DataFrame of clinical columns, or None where the columns are not used."""
        raise NotImplementedError
