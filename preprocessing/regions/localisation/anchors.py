"""The lowest level that a study shows, where somebody says so."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from data.text.names import nearest

COLUMNS = ("study", "level")


def read_anchors(path: str) -> dict[str, str]:
    """The level of each study in a CSV file with the columns `study` and `level`; nothing without a file.

    Raises:
        ValueError: There is no such file, it lacks a column or a value, or a study has two levels.
    """
    import pandas as pd

    if not path:
        return {}
    if not Path(path).is_file():
        raise ValueError(f"anchor '{path}' is not a file: give a CSV file with columns study and level, or ''")
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    if missing := [column for column in COLUMNS if column not in table]:
        raise ValueError(f"anchor {path} has the columns {', '.join(table.columns)}: it must have study and level")
    table = table.apply(lambda column: column.str.strip())
    anchors: dict[str, str] = {}
    for row, (study, level) in enumerate(zip(*(table[column] for column in COLUMNS), strict=True), start=2):
        if not study or not level:
            raise ValueError(f"anchor {path}, line {row}: a study needs a name and its lowest level")
        if anchors.setdefault(study, level) != level:
            raise ValueError(f"anchor {path}: study {study} has the levels {anchors[study]} and {level}: keep one")
    return anchors


def check_levels(path: str, anchors: dict[str, str], levels: Collection[str]) -> None:
    """Demands that each study's level is one that points were marked for.

    Raises:
        ValueError: A level is none of them.
    """
    for study, level in anchors.items():
        if level not in levels:
            known = ", ".join(sorted(levels))
            raise ValueError(
                f"anchor {path}: study {study} has the level '{level}', for which no training point is marked; levels "
                f"are {known}{nearest(level, levels)}"
            )
