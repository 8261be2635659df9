"""Finds cells by what a grid file or a command calls them, and the floor that a cell is compared with."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from data.text.names import nearest
from results import ResultsError
from results.run_folder import RunCell


def the_cell(cells: Sequence[RunCell], named: Mapping[str, str]) -> RunCell:
    """The one cell with the given steps on some axes, each given by its label or without its fields.

    Raises:
        ResultsError: No cell has these steps, or several have; the message shows how those differ.
    """
    unknown = [axis for axis in named if axis not in cells[0].axes]
    if unknown:
        raise ResultsError(f"no axis '{unknown[0]}'{nearest(unknown[0], cells[0].axes)}")
    found = [cell for cell in cells if all(is_step(cell.axes[axis], name) for axis, name in named.items())]
    if len(found) == 1:
        return found[0]
    shown = ",".join(f"{axis}={name}" for axis, name in named.items())
    among = found or list(cells)
    differing = [axis for axis in among[0].axes if len({cell.axes[axis] for cell in among}) > 1]
    listed = "; ".join(", ".join(f"{axis}={cell.axes[axis]}" for axis in differing) for cell in among[:6])
    how_many = (
        f"{len(found)} cells of {cells[0].target}: name one of" if found else f"no cell of {cells[0].target}: there is"
    )
    raise ResultsError(f"{shown} names {how_many}: {listed}{' ...' if len(among) > 6 else ''}")


def is_step(label: str, name: str) -> bool:
    """Whether a name means a step: it is the step's label, or its label without fields."""
    return name in (label, re.sub(r"\([^()]*\)", "", label))


def floor_for(cell: RunCell, done: Sequence[RunCell], head: str) -> RunCell | None:
    """The floor that a cell is compared with, by the name of its head: the one that has most steps in common with it.

    Sequences count before regions, and these before what was dropped.
    """

    def alike(other: RunCell) -> list[bool]:
        return [other.axes.get(axis) == cell.axes.get(axis) for axis in ("sequences", "regions", "drop")]

    return max((other for other in done if other.floor and other.head == head), key=alike, default=None)
