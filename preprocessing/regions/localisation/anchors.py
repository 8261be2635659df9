"""The lowest level that a study shows, where somebody says so."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from data.base import DataError
from data.text.names import nearest

COLUMNS = ("study", "level")


class AnchorError(DataError, ValueError):
    """A file of lowest levels that can't be used, with the way out."""


def read_anchors(path: str) -> dict[str, str]:
    """The level of each study in a CSV file with the columns `study` and `level`; nothing without a file.

    Raises:
        AnchorError: There is no such file, it lacks a column or a value, or a study has two levels.
    """
    import pandas as pd

    if not path:
        return {}
    if not Path(path).is_file():
        raise AnchorError(f"anchor '{path}' is not a file: give a CSV file with columns study and level, or ''")
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except ValueError as error:  # empty, not a table, or not text in UTF-8
        raise AnchorError(f"anchor {path} can't be read as a CSV file: {str(error).splitlines()[0]}") from error
    if not set(COLUMNS) <= set(table):
        raise AnchorError(f"anchor {path} has the columns {', '.join(table.columns)}: it must have study and level")
    table = table.apply(lambda column: column.str.strip())
    anchors: dict[str, str] = {}
    for row, (study, level) in enumerate(zip(*(table[column] for column in COLUMNS), strict=True), start=2):
        if not study or not level:
            raise AnchorError(f"anchor {path}, line {row}: a study needs a name and its lowest level")
        if anchors.setdefault(study, level) != level:
            raise AnchorError(f"anchor {path}: study {study} has the levels {anchors[study]} and {level}: keep one")
    return anchors


def check_levels(path: str, anchors: dict[str, str], levels: Collection[str]) -> None:
    """Demands that each study's level is one that points were marked for.

    Raises:
        AnchorError: A level is none of them.
    """
    for study, level in anchors.items():
        if level not in levels:
            raise AnchorError(
                f"anchor {path}: study {study} has the level '{level}', for which no training point is marked"
                f"{nearest(level, sorted(levels))}"
            )
