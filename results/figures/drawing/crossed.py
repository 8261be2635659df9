"""Mean AUC by two axes of the grid, with every mean over the same settings of the other axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
from numpy.typing import NDArray

from results.figures.drawing.chosen import Chosen
from results.figures.drawing.style import NothingToDrawError
from results.scores.records import NOTHING, Record

USUAL = ("encoders", "heads")
LEAST = 2

Float64 = NDArray[np.float64]
StepPair = tuple[str, str]
Setting = tuple[str, ...]
FoundCells = dict[StepPair, dict[Setting, Record]]


@dataclass(frozen=True, eq=False)
class Crossed:
    """The AUC of each pair of steps, as a mean over the settings of the other axes that are done for every pair shown.

    Args:
        down: The axis of the rows.
        across: The axis of the columns.
        rows: The steps of `down`, best mean first.
        columns: The steps of `across`, best mean first.
        means: `(r, c)` mean AUC; NaN if a cell of the mean is not done.
        over: The settings that every mean is over; each names the steps of the other axes.
        held: The steps that all these settings share, such as `fusion=mean, balance=smote`.
        without: The settings that are done for some pair but are in no mean.
        absent: The rows, each with its columns, for which the grid lacks a setting of the mean.
        lacking: The other pairs without a mean, each with the settings that are not done.
    """

    down: str
    across: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    means: Float64
    over: tuple[str, ...]
    held: str
    without: tuple[str, ...]
    absent: tuple[str, ...]
    lacking: tuple[str, ...]

    @property
    def size(self) -> tuple[int, int]:
        """The number of pairs with a number minus those without, and the number of settings that means are over."""
        shown = np.isfinite(self.means)
        return int(shown.sum() - (~shown).sum()), len(self.over)

    @property
    def whole(self) -> bool:
        """Whether a row and a column have at least two numbers to compare."""
        shown = np.isfinite(self.means)
        return bool(shown.sum(axis=1).max() >= LEAST and shown.sum(axis=0).max() >= LEAST)


def crossed(choice: Chosen) -> Crossed:
    """Encoders by heads if they can be compared, else the two axes that give most numbers.

    Raises:
        NothingToDrawError: Fewer than two axes vary, or no two of them can be compared with the others held equal.
    """
    if len(choice.varying) < LEAST:
        raise NothingToDrawError("fewer than two axes of the grid vary")
    if set(USUAL) <= set(choice.varying) and (usual := cross(choice, *USUAL)).whole:
        return usual
    found = [cross(choice, down, across) for down, across in combinations(choice.varying, 2)]
    best = max((one for one in found if one.whole), key=lambda one: one.size, default=None)
    if best is None:
        raise NothingToDrawError("no two axes of the grid have two steps each that are done with the same other steps")
    return best


def cross(choice: Chosen, down: str, across: str) -> Crossed:
    """The means by two axes, over those settings of the other axes that give most pairs a number.

    Args:
        choice: The cells of a target.
        down: The axis of the rows.
        across: The axis of the columns.
    """
    axes = [axis for axis in choice.run.axes if axis not in (down, across)]
    found: FoundCells = {}
    for cell in (*choice.cells, *choice.undone):
        pair = str(cell[down]), str(cell[across])
        found.setdefault(pair, {})[tuple(str(cell[axis]) for axis in axes)] = cell
    done = {
        pair: {s: float(c["auc"]) for s, c in cells.items() if c["status"] == "done" and np.isfinite(c["auc"])}
        for pair, cells in found.items()
    }
    over = _shared([list(cells) for cells in done.values()])
    rows, columns = (list(dict.fromkeys(pair[i] for pair in found)) for i in (0, 1))
    means = np.full((len(rows), len(columns)), np.nan)
    for (row, column), values in done.items():
        if over and set(over) <= set(values):
            means[rows.index(row), columns.index(column)] = np.mean([values[s] for s in over])
    i, j = (np.argsort([-_mean(line) for line in lines], kind="stable") for lines in (means, means.T))
    rows, columns, means = [rows[k] for k in i], [columns[k] for k in j], means[np.ix_(i, j)]
    varying = [k for k, _ in enumerate(axes) if len({s[k] for cells in found.values() for s in cells}) > 1]
    held = [k for k in varying if len({s[k] for s in over}) == 1]
    rest = [k for k in varying if k not in held]
    every = dict.fromkeys(setting for values in done.values() for setting in values)
    absent, lacking = _empty(found, done, over, rows, columns, lambda setting: _name(axes, setting, rest))
    return Crossed(
        down=down,
        across=across,
        rows=tuple(rows),
        columns=tuple(columns),
        means=means,
        over=tuple(_name(axes, s, rest) for s in over),
        held=_name(axes, over[0], held) if held else "",
        without=tuple(_name(axes, s, varying) for s in every if s not in over),
        absent=absent,
        lacking=lacking,
    )


def _shared(settings: Sequence[Sequence[Setting]]) -> list[Setting]:
    """The settings that the largest number of pairs share; the first of several such sets."""
    counts: dict[Setting, int] = {}
    for own in settings:
        for setting in own:
            counts[setting] = counts.get(setting, 0) + 1
    best: list[Setting] = []
    for setting in counts:
        having = [own for own in settings if setting in own]
        common = [other for other in having[0] if all(other in own for own in having)]
        if not best or (len(having), len(common)) > (counts[best[0]], len(best)):
            best = common
    return best


def _empty(
    found: FoundCells,
    done: dict[StepPair, dict[Setting, float]],
    over: Sequence[Setting],
    rows: Sequence[str],
    columns: Sequence[str],
    name: Callable[[Setting], str],
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The pairs without a number: those that the grid lacks, and the others with the settings that are not done."""
    absent: dict[str, list[str]] = {}
    lacking = []
    for row, column in product(rows, columns):
        cells = found.get((row, column), {})
        if not set(over) & set(cells):
            absent.setdefault(row, []).append(column)
            continue
        states = {
            s: cells[s]["status"] if s in cells else "not in the grid" for s in over if s not in done[row, column]
        }
        if states:
            words = "; ".join(f"{name(s)}: {state}".removeprefix(": ") for s, state in states.items())
            lacking.append(f"{row} with {column} ({words})")
    return tuple(f"{row} with {', '.join(names)}" for row, names in absent.items()), tuple(lacking)


def _name(axes: Sequence[str], setting: Setting, places: Sequence[int]) -> str:
    """The name of a setting, such as `fusion=mean, balance=smote` or `fusion=mean, no balance`."""
    return ", ".join(f"no {axes[k]}" if setting[k] in NOTHING else f"{axes[k]}={setting[k]}" for k in places)


def _mean(values: Float64) -> float:
    kept = values[np.isfinite(values)]
    return float(kept.mean()) if len(kept) else -1.0
