"""The rows of the table of scores as dictionaries, and small questions about them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeGuard

if TYPE_CHECKING:
    import pandas as pd

Record = dict[str, Any]
"""The values of one cell by the columns of `results.scores.scores.scores`."""

NOTHING = ("none", "")
"""The labels of a step that does nothing."""


def records(frame: pd.DataFrame, target: str | None = None) -> list[Record]:
    """The rows of a table of scores, those of one target if it is named."""
    rows = [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]
    return rows if target is None else [row for row in rows if row["target"] == target]


def varying(axes: Iterable[str], cells: Sequence[Record]) -> list[str]:
    """The axes on which some cells differ."""
    return [axis for axis in axes if len({cell[axis] for cell in cells}) > 1]


def floor_labels(floor: Record, floors: Sequence[Record], axes: Sequence[str]) -> list[str]:
    """The labels of a floor: its head, and its steps on the axes on which floors of this head differ; others are empty.

    Args:
        floor: One of `floors`.
        floors: All floors of the table.
        axes: The axes that are columns of the table; the head stands in the first column if it has none of its own.
    """
    differing = varying(axes, [one for one in floors if one["heads"] == floor["heads"]])
    labels = [str(floor[axis]) if axis in differing and floor[axis] not in NOTHING else "" for axis in axes]
    labels[list(axes).index("heads") if "heads" in axes else 0] = str(floor["heads"])
    return labels


def is_number(value: Any) -> TypeGuard[float]:
    """Whether it is a finite number."""
    return isinstance(value, int | float) and math.isfinite(value)
