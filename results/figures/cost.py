"""AUC against the time of fitting."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

from results.figures.base import PaperFigure
from results.figures.drawing.chosen import Chosen, chosen, ends, what_is_covered
from results.figures.drawing.own_floors import own_floors
from results.figures.drawing.style import (
    GREY,
    LINE,
    WIDTHS,
    Drawing,
    NothingToDrawError,
    Width,
    legend_below,
    mark,
    styled,
    text_width,
)
from results.run_folder import Run
from results.scores.records import Record
from results.tables.costs import seconds

LEAST = 3
MOST = 14
LISTED = 8
LEAST_TICKS = 4
BESIDE = 0.3
BESIDE_PANEL = 18.0
GAP = 1.5
HEIGHT = 54.0
"""About the height of the panel in mm."""

BOLD = 1.2
ROUND = ((1,), (1, 3), (1, 2, 5), (1, 2, 3, 5, 7), (1, 1.5, 2, 3, 4, 5, 6, 8))


@styled
def cost(run: Run, target: str, *, width: Width = "single") -> Drawing:
    """AUC of every cell against the seconds of its fits, on a log axis; a line joins those above every cheaper one.

    Seconds are those of `results.tables.costs.seconds`: a fusion that is trained with labels counts for every cell that
    uses it, so that head `own` is not free. Cells whose seconds are not known are left out and named in the caption.

    Args:
        run: A run folder.
        target: One of its targets.
        width: The width of the figure.

    Raises:
        NothingToDrawError: Fewer than three cells are done and have a time.
    """
    choice = chosen(run, target)
    took = seconds(run, target)
    cells = [cell | {"seconds": took[cell["key"]]} for cell in choice.cells if took[cell["key"]] > 0]
    if len(cells) < LEAST:
        raise NothingToDrawError(f"fewer than {LEAST} cells are done and have their seconds in the run folder")
    figure = Drawing(width, 68)
    panel = figure.subplots()
    axis = _axis(choice)
    drawn = {str(cell[axis]) for cell in cells}
    kinds = {kind: place for kind, place in choice.places(axis).items() if kind in drawn}
    handles = []
    for kind, i in kinds.items():
        some = [cell for cell in cells if str(cell[axis]) == kind]
        style = mark(i) if len(kinds) <= MOST else mark(0)
        x, y = ([cell[name] for cell in some] for name in ("seconds", "auc"))
        panel.errorbar(x, y, yerr=ends(some), linestyle="none", elinewidth=0.4, alpha=0.9, **style)
        if len(kinds) <= MOST:
            handles.append(Line2D([], [], linestyle="none", label=choice.step(axis, kind), **style))
    best = front(cells)
    if len(best) > 1:
        panel.step([c["seconds"] for c in best], [c["auc"] for c in best], where="post", color="black", linewidth=0.8)
        handles.append(Line2D([], [], color="black", linewidth=0.8, label="best so far by cost"))
    location = own_floors(run, cells, choice.floors, run.location)
    if location is not None:
        style = {"color": GREY, "linewidth": 0.9, "linestyle": "--"}
        for floor in location.distinct if location.shared is None else [location.shared]:
            panel.axhline(floor["auc"], zorder=0, **style)
        label = "location alone" if location.shared is not None else f"location alone: {location.words}"
        handles.append(Line2D([], [], label=label, **style))
    handles += [Line2D([], [], linestyle="none", label=f"{i}: {choice.name(c)}") for i, c in enumerate(best, start=1)]
    panel.set_xscale("log")
    at = ticks(min(cell["seconds"] for cell in cells), max(cell["seconds"] for cell in cells))
    left, right = panel.get_xlim()
    left, right = min(left, at[0]), max(right, at[-1])
    panel.set_xticks(at, apart(at, left, right, WIDTHS[width] - BESIDE_PANEL))
    panel.xaxis.set_minor_locator(NullLocator())
    panel.set_xlim(left, right)
    _number(panel, best, WIDTHS[width] - BESIDE_PANEL)
    fitted = "the head and a trained fusion" if _trained(choice, cells) else "the head"
    between = "\n" if width == "single" else " "
    fits = f",{between}all folds and repeats" if run.crossed else ""
    panel.set(xlabel=f"Fitting {fitted}{fits} (s, log scale)", ylabel=run.auc_label)
    legend_below(figure, handles)
    listed = "; ".join(f"{i} {choice.name(c)} ({c['seconds']:.2g} s)" for i, c in enumerate(best, start=1))
    counted = ", which counts in full for each cell that uses it" if _trained(choice, cells) else ""
    summed = " The times of all folds and repeats are added." if run.crossed else ""
    joined = (
        f"The line joins the cells that have a higher AUC than every cheaper cell: {listed}."
        if len(best) > 1
        else f"The cheapest cell has the highest AUC: {listed}."
    )
    figure.caption = (
        f"AUC of {target} against the seconds that it took to fit {fitted}{counted}.{summed} Reading, embedding and "
        f"steps that learn without labels do not count. By {axis}; {choice.n}. Bars: 95 %, "
        f"{what_is_covered(choice.run)}. {joined}"
        f"{_lacking(choice, cells)}{choice.picked}"
    )
    return figure


def _number(panel: Axes, cells: list[Record], room: float) -> None:
    """Writes numbers beside points, each on the first side of four where it does not touch an earlier one.

    Args:
        panel: A panel whose scales are final.
        cells: The cells, with `seconds` and `auc`.
        room: The width of the panel in mm.
    """
    (left, right), (low, high) = panel.get_xlim(), panel.get_ylim()
    taken: list[tuple[float, float, float]] = []
    for number, cell in enumerate(cells, start=1):
        x = room * np.log(cell["seconds"] / left) / np.log(right / left)
        y = HEIGHT * (cell["auc"] - low) / (high - low)
        wide = text_width(str(number)) * BOLD
        sides = [(-1, 1), (1, -1), (-1, -1), (1, 1)]
        boxes = {side: (x + side[0] * (1 + wide / 2), y + side[1] * (1 + LINE / 2), wide) for side in sides}

        def free(side: tuple[int, int], boxes: Any = boxes) -> bool:
            mx, my, w = boxes[side]
            return all(abs(mx - ox) > (w + other) / 2 or abs(my - oy) > LINE for ox, oy, other in taken)

        side = next(filter(free, sides), sides[0])
        taken.append(boxes[side])
        panel.annotate(
            str(number),
            (cell["seconds"], cell["auc"]),
            (3 * side[0], 3 * side[1]),
            textcoords="offset points",
            ha="right" if side[0] < 0 else "left",
            va="bottom" if side[1] > 0 else "top",
            weight="bold",
        )


def front(cells: list[Record]) -> list[Record]:
    """The cells, cheapest first, that score higher than every cheaper one."""
    out: list[Record] = []
    for cell in sorted(cells, key=lambda cell: (cell["seconds"], -cell["auc"])):
        if not out or cell["auc"] > out[-1]["auc"]:
            out.append(cell)
    return out


def ticks(low: float, high: float) -> list[float]:
    """Round values with `low` and `high` closely between the first and the last: four or more, else the most."""
    powers = range(int(np.floor(np.log10(low))) - 1, int(np.ceil(np.log10(high))) + 2)
    kept: list[float] = []
    for steps in ROUND:
        every = np.array([float(f"{step}e{power}") for power in powers for step in steps])
        kept = every[(every >= every[every <= low].max()) & (every <= every[every >= high].min())].tolist()
        if len(kept) >= LEAST_TICKS and np.log10(kept[-1] / kept[0]) < np.log10(high / low) + BESIDE:
            break
    return kept


def apart(at: list[float], left: float, right: float, room: float) -> list[str]:
    """The labels of ticks on a log axis of `room` mm, without those that would touch another; both ends keep theirs."""
    places = [room * np.log(x / left) / np.log(right / left) for x in at]
    words = [f"{x:g}" for x in at]

    def touch(i: int, j: int) -> bool:
        return bool(places[j] - places[i] < (text_width(words[i]) + text_width(words[j])) / 2 + GAP)

    kept = [0]
    last = len(at) - 1
    for i in range(1, last):
        if not touch(kept[-1], i) and not touch(i, last):
            kept.append(i)
    return [word if i in (*kept, last) else "" for i, word in enumerate(words)]


def _trained(choice: Chosen, cells: list[Record]) -> bool:
    """Whether a fusion that was trained with labels is counted."""
    heads = {cell["key"]: cell["seconds"] for cell in choice.cells}
    return any(cell["seconds"] > heads[cell["key"]] for cell in cells)


def _lacking(choice: Chosen, cells: list[Record]) -> str:
    """A sentence that names the cells without seconds."""
    drawn = {cell["key"] for cell in cells}
    names = [choice.name(cell) for cell in choice.cells if cell["key"] not in drawn]
    if not names:
        return ""
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    listed = "; ".join(names[:LISTED])
    return f" Not shown, since the run folder lacks seconds of their head or trained fusion: {listed}{more}."


def _axis(choice: Chosen) -> str:
    """The axis that colours show: heads if they vary, else the axis with most steps."""
    if "heads" in choice.varying or not choice.varying:
        return "heads"
    return max(choice.varying, key=lambda axis: len({cell[axis] for cell in choice.cells}))


FIGURE = PaperFigure("AUC against the time of fitting", cost, order=90)
