"""Finds cells by what a grid file or a command calls them, and the floor that a cell is compared with."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from typing import Protocol, TypeVar

from data.text.names import closest, nearest
from results import ResultsError
from results.run_folder import RunCell
from results.scores.labels import shorten, split_outside_brackets
from results.scores.records import NOTHING

SHORT = 8
"""So many signs of a key are shown; digits alone, if fewer, are the number of a cell."""

_SHOWN = 8


class NameableCell(Protocol):
    """What a cell is found by."""

    @property
    def number(self) -> int:
        """Its number in the run folder."""
        ...

    @property
    def key(self) -> str:
        """Names its files."""
        ...

    @property
    def axes(self) -> dict[str, str]:
        """The label of its step on each axis."""
        ...

    @property
    def target(self) -> str:
        """The target that it predicts."""
        ...

    @property
    def floor(self) -> bool:
        """Whether it is a floor."""
        ...


C = TypeVar("C", bound=NameableCell)


def named_cells(cells: Sequence[C], text: str) -> list[C]:
    """The cells that a text may mean.

    It is the number of a cell, as tables show it; its key, or how the key begins; or a list between commas of its steps
    and its target in any order, each as tables show it or without its fields, with or without the axis:
    `svc, resnet50` or `heads=svc,encoders=resnet50`. A step that is called exactly so wins over those with fields.

    Args:
        cells: All cells of a run.
        text: What the user wrote.

    Raises:
        ResultsError: The text names an axis that there is not.
    """
    text = text.strip()
    if text.isdecimal() and len(text) < SHORT:
        return [cell for cell in cells if cell.number == int(text)]
    if found := [cell for cell in cells if text and cell.key.startswith(text)]:
        return found
    parts = [_part(part, cells) for part in split_outside_brackets(text, ",") if part.strip()]
    shown, all_axes = _as_shown(cells), list(cells[0].axes) if cells else []
    for axes, exactly in product(
        (differing(cells), all_axes), (True, False)
    ):  # a step that all cells have may be named
        found = [cell for cell in cells if parts and all(_has(cell, *part, shown, axes, exactly) for part in parts)]
        if found:
            return found
    return []


def one_cell(cells: Sequence[C], text: str, where: object) -> C:
    """The one cell that a text means; see `named_cells`.

    Raises:
        ResultsError: It means none, or several; the message lists them with their numbers.
    """
    found = named_cells(cells, text)
    if len(found) == 1:
        return found[0]
    some = listed(cells, found) if found else "the column # of `tables` has the numbers"
    raise ResultsError(f"--cell '{text}' {not_one(cells, found, text, where)}: {some}")


def not_one(cells: Sequence[NameableCell], found: Sequence[NameableCell], text: str, where: object) -> str:
    """Why a text names no cell: `is no cell of runs/demo` or `names 3 cells of runs/demo`."""
    if found:
        several = f"names {len(found)} cells of {where}"
        if len({tuple(cell.axes.items()) for cell in found}) == 1 and "," not in found[0].target:
            several += f", which differ in their target: name it too, as in '{found[0].target}, {text.strip()}'"
        return several
    if text.isdecimal() and len(text) < SHORT:
        last = max(cell.number for cell in cells)
        gaps = "" if last == len(cells) else "; numbers of cells that left the grid are not used again"
        return f"is no cell of {where} (they are numbered 1 to {last}{gaps})"
    for part in split_outside_brackets(text, ","):
        if part.strip() and "=" not in part and not named_cells(cells, part):
            known = {name.partition("(")[0] for cell in cells for name in (*cell.axes.values(), cell.target)}
            close = closest(part.strip(), known)
            return f"is no cell of {where} (none has '{part.strip()}'" + (
                f": did you mean '{close}'?)" if close else ")"
            )
    return f"is no cell of {where}"


def listed(cells: Sequence[NameableCell], some: Iterable[NameableCell]) -> str:
    """Some cells of a run with their numbers for a message: `3 (narrowing, resnet50, svc), 7 (...)`."""
    names = [f"{number} ({name})" for number, _, name in numbered(cells, some)]
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")


def numbered(cells: Sequence[NameableCell], some: Iterable[NameableCell]) -> list[tuple[int, str, str]]:
    """The number, the key and the label of some cells of a run; the label has the steps that differ in the run.

    A step that does nothing is left out.
    """
    short = {axis: shorten(cell.axes[axis] for cell in cells) for axis in differing(cells)}
    return [
        (
            cell.number,
            cell.key,
            ", ".join(
                [
                    cell.target,
                    *(names[step] for axis, names in short.items() if (step := cell.axes[axis]) not in NOTHING),
                ]
            ),
        )
        for cell in some
    ]


def differing(cells: Sequence[NameableCell]) -> list[str]:
    """The axes that tables show: those on which cells other than floors differ, and the heads."""
    own = [cell for cell in cells if not cell.floor] or cells
    return (
        [axis for axis in own[0].axes if axis == "heads" or len({cell.axes[axis] for cell in own}) > 1] if own else []
    )


def steps_of(cells: Sequence[RunCell], text: str, where: object) -> dict[str, str]:
    """The steps of the cell that a text means, on the axes on which cells differ; its target does not matter.

    Raises:
        ResultsError: As `one_cell`.
    """
    found = named_cells(cells, text)
    if len({tuple(cell.axes.items()) for cell in found}) > 1 or not found:
        one_cell(cells, text, where)
    return {axis: found[0].axes[axis] for axis in differing(cells)}


def the_cell(cells: Sequence[RunCell], named: Mapping[str, str]) -> RunCell:
    """The one cell with the given steps on some axes, each given by its label or without its fields.

    Raises:
        ResultsError: No cell has these steps, or several have; the message shows how those differ.
    """
    unknown = [axis for axis in named if axis not in cells[0].axes]
    if unknown:
        raise ResultsError(f"no axis '{unknown[0]}'{nearest(unknown[0], cells[0].axes)}")
    found = [cell for cell in cells if all(is_step(cell.axes[axis], name) for axis, name in named.items())]
    exactly = [cell for cell in found if all(cell.axes[axis] == name for axis, name in named.items())]
    found = exactly or found
    if len(found) == 1:
        return found[0]
    shown = ",".join(f"{axis}={name}" for axis, name in named.items())
    among = found or list(cells)
    axes = [axis for axis in among[0].axes if len({cell.axes[axis] for cell in among}) > 1]
    some = "; ".join(", ".join(f"{axis}={cell.axes[axis]}" for axis in axes) for cell in among[:6])
    how_many = (
        f"{len(found)} cells of {cells[0].target}: name one of" if found else f"no cell of {cells[0].target}: there is"
    )
    raise ResultsError(f"{shown} names {how_many}: {some}{' ...' if len(among) > 6 else ''}")


def is_step(label: str, name: str) -> bool:
    """Whether a name means a step: it is the step's label, or its label without fields."""
    return name in (label, re.sub(r"\([^()]*\)", "", label))


def floor_for(cell: RunCell, done: Sequence[RunCell], head: str) -> RunCell | None:
    """The floor that a cell is compared with, by the name of its head: the one that has most steps in common with it.

    It is one on the cell's sequences, if floors have any. Regions count before what was dropped.
    """

    def alike(other: RunCell) -> list[bool]:
        return [other.axes.get(axis) == cell.axes.get(axis) for axis in ("regions", "drop")]

    own = cell.axes.get("sequences")
    floors = [other for other in done if other.floor and other.head == head]
    return max((one for one in floors if one.axes.get("sequences") in (own, *NOTHING, None)), key=alike, default=None)


def _part(text: str, cells: Sequence[NameableCell]) -> tuple[str, str]:
    """The axis and the step of a part, such as `heads=svc`; the axis is empty if none is named."""
    axis, equals, step = text.partition("=")
    if not equals or any(bracket in axis for bracket in "([{"):
        return "", text.strip()
    known = [*cells[0].axes, "targets"] if cells else []
    if axis.strip() not in known:
        raise ResultsError(f"--cell: '{axis.strip()}' is no axis of the run{nearest(axis.strip(), known)}")
    return axis.strip(), step.strip()


def _as_shown(cells: Sequence[NameableCell]) -> dict[str, set[str]]:
    """The short forms in which tables show each label."""
    found: dict[str, set[str]] = {}
    for axis in cells[0].axes if cells else ():
        for target in {None, *(cell.target for cell in cells)}:
            labels = [cell.axes[axis] for cell in cells if target in (None, cell.target)]
            for label, short in shorten(labels).items():
                found.setdefault(label, set()).add(_bare(short))
    return found


def _has(
    cell: NameableCell, axis: str, name: str, shown: Mapping[str, set[str]], axes: Sequence[str], exactly: bool
) -> bool:
    """Whether a cell has a step, or a target, of this name."""
    if axis in ("", "targets") and cell.target == name:
        return True
    name = name.removesuffix(" (tuned)").removesuffix(" (default)")
    for label in (cell.axes[one] for one in ([axis] if axis in cell.axes else [] if axis else axes)):
        if _bare(name) == _bare(label) or (not exactly and (is_step(label, name) or _bare(name) in shown[label])):
            return True
    return False


def _bare(label: str) -> str:
    return "".join(label.split())
