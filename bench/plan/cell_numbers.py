"""The numbers of a run's cells: a cell keeps its number in a run folder for good.

A cell is known by its key, or by its target and steps where other data, settings or code changed the key. New cells get
the next numbers. The number of a cell that left the grid is kept for it in `former_cells.json`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.plan.references import PlannedCell
from data.files.whole import replace_text

CELLS, FORMER = "cells.json", "former_cells.json"


@dataclass(frozen=True)
class NumberedCell:
    """A cell that a run folder knows.

    Args:
        number: Its number there, from 1.
        key: Its key when it was last in the grid.
        target: Its target.
        axes: The label of its step on each axis.
    """

    number: int
    key: str
    target: str
    axes: dict[str, str]


def cell_numbers(folder: Path, cells: Sequence[PlannedCell]) -> dict[str, int]:
    """The number of each cell, by its key: that of the run folder if it knows the cell, else the next one.

    Args:
        folder: A run folder; it may not exist yet.
        cells: All cells of the grid, in its order.
    """
    known = _known(folder)
    return {cell.key: one.number for cell, one in zip(cells, _matched(cells, known), strict=True)}


def keep_former(folder: Path, cells: Sequence[PlannedCell]) -> None:
    """Keeps the numbers of cells that the grid no longer has, before `cells.json` is written anew."""
    known = _known(folder)
    kept = {one.number for one in _matched(cells, known)}
    gone = [asdict(one) for one in known if one.number not in kept]
    if gone:
        replace_text(folder / FORMER, json.dumps(gone, indent=1))
    else:
        (folder / FORMER).unlink(missing_ok=True)


def _matched(cells: Sequence[PlannedCell], known: Sequence[NumberedCell]) -> list[NumberedCell]:
    """Each cell with its number: by key, then by target and steps, then new."""
    by_key = {one.key: one for one in known}
    here = {cell.key for cell in cells}
    by_steps: dict[Any, list[NumberedCell]] = {}
    for one in known:
        if one.key not in here:
            by_steps.setdefault(_steps(one.target, one.axes), []).append(one)
    last = max((one.number for one in known), default=0)
    found = []
    for cell in cells:
        target, axes = cell.cell.target, cell.cell.shown()
        same = by_steps.get(_steps(target, axes))
        if cell.key in by_key:
            number = by_key[cell.key].number
        elif same:
            number = same.pop(0).number
        else:
            number = last = last + 1
        found.append(NumberedCell(number, cell.key, target, axes))
    return found


def _steps(target: str, axes: dict[str, str]) -> tuple[str, frozenset[tuple[str, str]]]:
    return target, frozenset(axes.items())


def _known(folder: Path) -> list[NumberedCell]:
    """The cells of a run folder, those of its grid first; without numbers, as in older folders, positions count."""
    now = list(_read(folder / CELLS))
    numbers = {one.number for one in now}
    return [*now, *(one for one in _read(folder / FORMER) if one.number not in numbers)]


def _read(path: Path) -> Iterable[NumberedCell]:
    """The cells that a file lists; none if it holds something else, since the run writes it anew."""
    try:
        for position, one in enumerate(json.loads(path.read_text(encoding="utf-8")), start=1):
            number = one.get("number")
            yield NumberedCell(position if number is None else int(number), one["key"], one["target"], one["axes"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return
