"""Selects the cells that `--only` names."""

from __future__ import annotations

from collections.abc import Mapping

from bench.grid.axes import AXES, NAMES
from bench.grid.cells import NONE, Cell, is_floor, is_named
from bench.grid.grid import Grid
from data import ScangridError
from data.text.names import nearest


class SelectionError(ScangridError):
    """An `--only` that names something that the grid does not have."""


def is_chosen(cell: Cell, only: Mapping[str, list[str]]) -> bool:
    """Whether `--only` names a cell; floors are always chosen, for the chosen targets, sequences and regions."""
    floor = is_floor(cell)
    of_floors = [axis.name for axis in AXES if axis.of_floors]
    for axis, names in only.items():
        if axis == "targets":
            if cell.target not in names:
                return False
        elif axis == "cells" or (floor and (axis not in of_floors or cell[axis] == NONE)):
            continue
        elif not is_named(cell[axis], names) and not (floor and axis == "heads"):
            return False
    return True


def parse_only(grid: Grid, texts: list[str]) -> dict[str, list[str]]:
    """`axis=name,name` options as a mapping.

    Raises:
        SelectionError: No such axis, or no step of that name on it.
    """
    only: dict[str, list[str]] = {}
    known = [*NAMES, "targets"]
    for text in texts:
        axis, equals, names = text.partition("=")
        if not equals or axis not in known:
            raise SelectionError(f"--only {text}: expected axis=name{nearest(axis, known)}")
        for name in _split(names):
            if not grid.names(axis, name):
                known_here = nearest(name, grid.labels(axis))
                if name.partition("=")[0] in known:
                    known_here = f": write --only once for each axis, here --only {name}"
                raise SelectionError(f"--only {text}: the grid has no '{name}' on {axis}{known_here}")
            only.setdefault(axis, []).append(name)
    return only


def _split(names: str) -> list[str]:
    """Names between commas; a comma inside brackets belongs to its name."""
    parts, depth = [""], 0
    for letter in names:
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts if part.strip()]
