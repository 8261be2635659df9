"""Forest plot: the AUC of every cell of the grid with its interval, and the floors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from results.figures.base import PaperFigure
from results.figures.drawing.chosen import Chosen, chosen, ends, value, what_is_covered
from results.figures.drawing.columns import Columns, columns
from results.figures.drawing.own_floors import MARKS, OwnFloors, differing, own_floors
from results.figures.drawing.style import (
    COLOURS,
    GREY,
    LINE,
    LINES,
    WIDTHS,
    Drawing,
    Width,
    styled,
    text_width,
    wrapped,
)
from results.run_folder import Run
from results.scores import reconstruction
from results.scores.records import Record

SHOWN = 40
ROW = 3.6
MARGIN = 3.0
BELOW = 11.0
LEAST = 34.0
TICK = 9.0
KEY = 14.0


@styled
def forest(run: Run, target: str, *, width: Width = "double", shown: int = SHOWN) -> Drawing:
    """The AUC of the cells with 95 % intervals, best first, and the floors; location has its interval.

    A floor that all rows share is a vertical line. Where rows have other sequences or regions, they have other floors
    or none: each row then has a mark at its own.

    Args:
        run: A run folder.
        target: One of its targets.
        width: The width of the figure.
        shown: The largest number of cells.

    Raises:
        NothingToDrawError: No cell of the target is done.
    """
    choice = chosen(run, target)
    cells = choice.cells[:shown]
    full = WIDTHS[width]
    values = [value(cell) for cell in cells]
    right = max(map(text_width, [*values, "AUC [95 %]"])) + 3
    axes, widest = choice.varying or ("heads",), full * {"single": 0.42, "double": 0.55}[width]
    marked = _marked(choice, cells, axes)
    beside = columns(marked, axes, widest)
    if full - beside.width - right < LEAST:
        beside = columns(marked, axes, widest, upright=True)
    floors = _floors_of(choice, cells)
    handles = _floor_handles(floors, run.location)
    foot = [wrapped(words, full - 2 * MARGIN) for words in _foot(choice, len(cells), beside)]
    lines = sum(words.count("\n") + 1 for words in foot) + -(-len(handles) // _per_line(handles, full))
    above, rows = beside.above + 2, ROW * len(cells)
    height = above + rows + BELOW + LINE * lines + 3
    figure = Drawing(width, height)
    figure.set_layout_engine("none")
    room = full - beside.width - right - 2 * MARGIN
    panel = figure.add_axes(((beside.width + MARGIN) / full, 1 - (above + rows) / height, room / full, rows / height))
    _floors(panel, cells, floors, run.location)
    _cells(panel, cells, room)
    panel.set_xlabel(run.auc_label)
    beside.draw(panel, room)
    for row, words in enumerate(["AUC [95 %]", *values]):
        panel.text(
            1 + 3 / room,
            row - 1,
            words,
            transform=panel.get_yaxis_transform(),
            va="center",
            fontweight="bold" if row == 0 else "normal",
        )
    figure.legend(
        handles=handles,
        loc="lower center",
        ncols=_per_line(handles, full),
        bbox_to_anchor=(0.5, (sum(words.count("\n") + 1 for words in foot) * LINE + 1) / height),
        borderaxespad=0,
    )
    y = 1.5
    for words in reversed(foot):
        figure.text(MARGIN / full, y / height, words, va="bottom")
        y += LINE * (words.count("\n") + 1)
    figure.caption = _caption(choice, len(cells), beside, floors)
    return figure


def _marked(choice: Chosen, cells: Sequence[Record], axes: Sequence[str]) -> list[Record]:
    """The cells, with the mark at the encoder (or at the last of the axes) where it collapsed."""
    found = []
    for cell in cells:
        labels = reconstruction.marked([str(cell[axis]) for axis in axes], axes, [cell["key"]], choice.failed)
        found.append(cell | dict(zip(axes, labels, strict=True)))
    return found


def _cells(panel: Axes, cells: tuple[dict[str, Any], ...], room: float) -> None:
    x = np.array([cell["auc"] for cell in cells])
    y = np.arange(len(cells))
    panel.errorbar(x, y, xerr=ends(cells), fmt="o", color=COLOURS[0], markersize=3, elinewidth=0.9, capsize=0)
    panel.set_ylim(len(cells) - 0.5, -0.5)
    panel.set_yticks([])
    panel.spines["left"].set_visible(False)
    panel.xaxis.set_major_locator(MaxNLocator(max(2, min(5, int(room / TICK))), min_n_ticks=2))
    for between in np.arange(4.5, len(cells) - 1, 5):
        panel.axhline(between, color="0.88", linewidth=0.5, zorder=0)


def _floors_of(choice: Chosen, cells: Sequence[Record]) -> dict[str, OwnFloors]:
    """The floors that the cells are compared with, by name."""
    names = dict.fromkeys(choice.name(floor) for floor in choice.floors)
    found = {name: own_floors(choice.run, cells, choice.floors, name) for name in names}
    return {name: own for name, own in found.items() if own is not None}


def _floors(panel: Axes, cells: Sequence[Record], floors: dict[str, OwnFloors], location: str) -> None:
    """A line for a floor that all rows share, else a mark on each row at the floor of that row."""
    styles = _styles(floors, location)
    for name, own in floors.items():
        if own.shared is not None and np.isfinite(own.shared["auc"]):
            panel.axvline(own.shared["auc"], zorder=1, **styles[name])
        for y, cell in enumerate(cells):
            floor = own.of.get(cell["key"])
            if floor is None or not np.isfinite(floor["auc"]):
                continue
            if name == location:
                low, high = floor["auc_low"], floor["auc_high"]
                if np.isfinite([low, high]).all():
                    panel.fill_betweenx([y - 0.5, y + 0.5], low, high, color="0.9", linewidth=0, zorder=0)
            if own.shared is None and name == location:
                panel.vlines(floor["auc"], y - 0.5, y + 0.5, zorder=1, **styles[name])
            elif own.shared is None:
                panel.plot(floor["auc"], y, zorder=1.5, **styles[name])


def _styles(floors: dict[str, OwnFloors], location: str) -> dict[str, dict[str, Any]]:
    lines = iter([":", LINES[1], LINES[2], LINES[4], LINES[5]] * len(floors))
    apart = [name for name, own in floors.items() if own.shared is None and name != location]
    marks = dict(zip(reversed(apart), MARKS * len(floors), strict=False))
    found: dict[str, dict[str, Any]] = {}
    for name in floors:
        found[name] = {"color": GREY, "linewidth": 0.9, "linestyle": "-" if name == location else next(lines)}
        if name in marks:
            found[name] = {"color": "0.25", "linestyle": "none", "marker": marks[name], "markersize": 4.5}
    return found


def _floor_handles(floors: dict[str, OwnFloors], location: str) -> list[Any]:
    handles: list[Any] = []
    for name, style in _styles(floors, location).items():
        one = floors[name].shared
        words = f"{name}, by row: {floors[name].span}" if one is None else f"{name}: {value(one)}"
        handles.append(Line2D([], [], label=words, **style))
    if location in floors:
        handles.append(Patch(color="0.9", label="location, 95 %"))
    return handles


def _per_line(handles: Sequence[Any], full: float) -> int:
    """As many columns of the legend as fit, up to four."""
    longest = max((text_width(str(handle.get_label())) for handle in handles), default=1.0)
    return max(1, min(4, int(full / (longest + KEY))))


def _foot(choice: Chosen, shown: int, beside: Columns) -> list[str]:
    more = f" The best {shown} of {len(choice.cells)} cells." if shown < len(choice.cells) else ""
    return [f"{choice.n}.{more}", *(["; ".join(beside.key)] if beside.key else [])]


def _caption(choice: Chosen, shown: int, beside: Columns, floors: dict[str, OwnFloors]) -> str:
    more = f" The best {shown} of {len(choice.cells)} cells are shown." if shown < len(choice.cells) else ""
    band = f" and the band of {choice.run.location}" if choice.run.location in floors else ""
    covers = f"Bars, [ ]{band}: 95 %, {what_is_covered(choice.run)}."
    empty = any(word == "" for row in beside.rows for word in row)
    key = " Where a column of steps is empty, the cell has no such step." if empty else ""
    key += f" {'; '.join(beside.key)}." if beside.key else ""
    after = f"{more}{choice.picked}{differing(floors.values())}{key}"
    return f"AUC of {choice.target} by cell; {choice.n}.{choice.run.compares} {covers}{after}"


FIGURE = PaperFigure("AUC of every cell with its interval", forest, order=20)
