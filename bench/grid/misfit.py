"""The root of the errors of a grid that does not fit its dataset."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from data import ScangridError
from data.text.names import nearest

if TYPE_CHECKING:
    from bench.grid.grid import Grid


class GridMisfitError(ScangridError):
    """A grid that does not fit its dataset; the message gives a way out, and `keys` lead to the place in the file."""

    def __init__(self, message: str, *keys: str) -> None:
        super().__init__(message)
        self.keys = keys


def check_sequences(grid: Grid, known: Sequence[str]) -> None:
    """Demands that a dataset has the sequences that a grid lists.

    Args:
        grid: The grid.
        known: The sequences of its dataset.

    Raises:
        GridMisfitError: Names the sequence and the nearest that there is.
    """
    for step in grid.axes["sequences"]:
        for part in step.each:
            if part.name not in known:
                text = f"no sequence '{part.name}' in {grid.data.name}{nearest(part.name, known)}"
                raise GridMisfitError(text, "sequences", step.label())


def check_targets(names: Sequence[str], known: Sequence[str]) -> None:
    """Demands that a dataset has some targets.

    Args:
        names: What a grid lists.
        known: The targets of its dataset.

    Raises:
        GridMisfitError: Names the target and the nearest that there is.
    """
    for name in names:
        if name not in known:
            raise GridMisfitError(f"no target '{name}' in this dataset{nearest(name, known)}", "targets", name)
