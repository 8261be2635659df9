"""Reads CSV files that the project wrote."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

EXCLUDED = ("file", "sample", "sequence", "reason")
"""The columns of `excluded.csv`."""


def read_csv(path: Path | str, *, text: Iterable[str] = ("sample", "patient", "study", "sequence")) -> pd.DataFrame:
    """A table in which only an empty cell is missing, since a patient may be called `NA`, `null` or `None`.

    Args:
        path: The file.
        text: The columns that stay text, such as the id `003`.

    Raises:
        OSError, ValueError: The file can't be read as a table.
    """
    import pandas as pd

    return pd.read_csv(path, dtype=dict.fromkeys(text, str), keep_default_na=False, na_values=[""])
