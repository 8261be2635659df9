"""Paired slopes: what changing one setting does to the AUC of cells that are equal in everything else."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from results.figures.base import PaperFigure
from results.figures.drawing.chosen import Chosen, chosen
from results.figures.drawing.style import (
    COLOURS,
    GREY,
    LINE,
    WIDTHS,
    Drawing,
    NothingToDrawError,
    Width,
    auc_scale,
    styled,
    titled,
    wrapped,
)
from results.flow import counted
from results.run_folder import Run
from results.scores.records import NOTHING
from results.tables.formats import Score

LEAST_STEPS, MOST_STEPS = 2, 3
LEAST_PAIRS = 2
SAMPLES = ("n_patients", "n_events")
PANELS = {"single": 2, "double": 4}
HEIGHT = 62.0


@dataclass(frozen=True, eq=False)
class Slopes:
    """The cells that differ only on one axis.

    Args:
        axis: The axis.
        steps: Its steps, in the order of the grid.
        auc: `(lines, steps)` AUC; every number of a line has the same steps on all other axes, and is of the same
            samples. NaN where there is no such cell.
    """

    axis: str
    steps: tuple[str, ...]
    auc: NDArray[np.float64]

    def pairs(self, first: int, second: int) -> NDArray[np.float64]:
        """`(n, 2)` AUC of the pairs of which both cells are done."""
        both = self.auc[:, [first, second]]
        return np.asarray(both[np.isfinite(both).all(axis=1)])

    @property
    def size(self) -> int:
        """The largest number of pairs that two steps have."""
        return max(len(self.pairs(i, j)) for i, j in combinations(range(len(self.steps)), 2))


@styled
def paired_slopes(run: Run, target: str, *, width: Width = "double") -> Drawing:
    """A line for each pair of cells that differ on one axis only, and their mean, for each axis of 2 or 3 steps.

    Args:
        run: A run folder.
        target: One of its targets.
        width: The width of the figure.

    Raises:
        NothingToDrawError: No axis has 2 or 3 steps with two pairs of cells that agree in all other steps.
    """
    choice = chosen(run, target)
    by_axis = {axis: slopes(choice, axis) for axis in choice.varying}
    found = [one for one in by_axis.values() if one is not None]
    left_out = "".join(f" {_why_not(choice, axis)}" for axis, one in by_axis.items() if one is None)
    if not found:
        raise NothingToDrawError(
            f"no axis has 2 or {MOST_STEPS} steps with {LEAST_PAIRS} or more pairs of cells that agree on all others"
            f"{'.' if left_out else ''}{left_out}".removesuffix(".")
        )
    columns = min(PANELS[width], max(len(found), 2))
    rows = -(-len(found) // columns)
    figure = Drawing(width, rows * HEIGHT)
    grid = figure.subplots(rows, columns, squeeze=False, sharey=True)
    for panel in grid.flat[len(found) :]:
        panel.set_axis_off()
    room = (WIDTHS[width] - 14) / columns
    deepest = 1
    for panel, one in zip(grid.flat, found, strict=False):
        steps = [choice.step(one.axis, _name(one.axis, step)) for step in one.steps]
        names = [wrapped(step, room / len(one.steps) - 5) for step in steps]
        deepest = max(deepest, *(name.count("\n") + 1 for name in names))
        _panel(panel, one, names)
    low, high = auc_scale(np.concatenate([one.auc.ravel() for one in found]))
    grid[0, 0].set_ylim(low - (high - low) / 20, high + (high - low) / 20)
    for row in grid:
        row[0].set_ylabel(run.auc_label)
    figure.grow(rows * (deepest - 1) * LINE)
    titled(list(grid.flat[: len(found)]), [one.axis for one in found])
    figure.caption = (
        f"Paired slopes of {target}; {choice.n}. Each thin line joins cells that differ on one axis of the grid and "
        f"agree on all others and in their samples; the thick line is the mean over the lines that have every step. "
        f"{' '.join(_words(one) for one in found)}{left_out} These are counts and means over the "
        f"cells of this grid, which share their patients: they test nothing.{choice.picked}"
    )
    return figure


def slopes(choice: Chosen, axis: str, *, same_samples: bool = True) -> Slopes | None:
    """The slopes of an axis; None if it has more than three steps or fewer than two pairs of cells.

    Args:
        choice: The cells of a target.
        axis: An axis on which they differ.
        same_samples: Whether only cells on the same samples are paired.
    """
    order = [cell.key for cell in choice.run.cells]
    cells = sorted(choice.cells, key=lambda cell: order.index(cell["key"]))
    steps = tuple(dict.fromkeys(str(cell[axis]) for cell in cells))
    if len(steps) > MOST_STEPS:
        return None
    others = [name for name in choice.run.axes if name != axis]
    lines: dict[tuple[str, ...], list[float]] = {}
    for cell in cells:
        same = tuple(str(cell[name]) for name in (*others, *(SAMPLES if same_samples else ())))
        line = lines.setdefault(same, [float("nan")] * len(steps))
        line[steps.index(str(cell[axis]))] = float(cell["auc"])
    auc = np.array([line for line in lines.values() if np.isfinite(line).sum() > 1], dtype=np.float64)
    used = [k for k in range(len(steps)) if len(auc) and np.isfinite(auc[:, k]).any()]
    if len(used) < LEAST_STEPS:
        return None
    found = Slopes(axis, tuple(steps[k] for k in used), auc[:, used])
    return found if found.size >= LEAST_PAIRS else None


def _why_not(choice: Chosen, axis: str) -> str:
    """The sentence of a caption on an axis without slopes."""
    steps = {str(cell[axis]): int(cell["n_samples"]) for cell in choice.cells}
    if len(steps) > MOST_STEPS:
        return f"The axis {axis} is left out, since it has {len(steps)} steps, and at most {MOST_STEPS} can be shown."
    if slopes(choice, axis, same_samples=False) is not None:
        counts = ", ".join(f"{_name(axis, step)}: {n}" for step, n in steps.items())
        return (
            f"The axis {axis} is left out, since its cells are on different samples ({counts} samples): "
            "`protocol.complete: true` in the grid gives all cells the same samples."
        )
    return f"The axis {axis} is left out, since fewer than {LEAST_PAIRS} pairs of cells differ on it alone."


def _panel(panel: Axes, one: Slopes, names: list[str]) -> None:
    places = np.arange(len(one.steps))
    for line in one.auc:
        known = np.isfinite(line)
        if known.sum() > 1:
            panel.plot(places[known], line[known], color=GREY, linewidth=0.6, marker="o", markersize=2.2, alpha=0.7)
    whole = one.auc[np.isfinite(one.auc).all(axis=1)]
    if len(whole):
        panel.plot(places, whole.mean(axis=0), color=COLOURS[1], linewidth=2.0, marker="o", markersize=4.5)
    panel.set_xticks(places, names)
    panel.set_xlim(-0.35, len(places) - 0.65)
    panel.yaxis.set_major_locator(MaxNLocator(5, min_n_ticks=3))


def _words(one: Slopes) -> str:
    """How many pairs rise, fall or stay, and by how much on average."""
    parts = []
    for i, j in combinations(range(len(one.steps)), 2):
        pairs = one.pairs(i, j)
        if not len(pairs):
            continue
        change = pairs[:, 1] - pairs[:, 0]
        rise, fall = int((change > 0).sum()), int((change < 0).sum())
        stay = len(change) - rise - fall
        moves = [f"{rise} of {counted(len(change), 'pair')} {'rises' if rise == 1 else 'rise'}"]
        moves += [f"{fall} {'falls' if fall == 1 else 'fall'}"]
        moves += [f"{stay} {'stays' if stay == 1 else 'stay'}"] if stay else []
        mean = Score(float(change.mean()), signed=True, decimals=3).text()
        first, second = (_name(one.axis, one.steps[k]) for k in (i, j))
        parts.append(f"from {first} to {second} {', '.join(moves)} (mean {mean})")
    return f"{one.axis.capitalize()}: {'; '.join(parts)}."


def _name(axis: str, step: str) -> str:
    return f"no {axis}" if step in NOTHING else step


FIGURE = PaperFigure("Paired slopes between settings", paired_slopes, order=35)
