"""Score against the share of patients who lost a sequence (the axis `drop`)."""

from __future__ import annotations

import numpy as np
from matplotlib.lines import Line2D

from results.figures.base import PaperFigure
from results.figures.drawing.chosen import Chosen, chosen, ends, what_is_covered
from results.figures.drawing.own_floors import OwnFloors, own_floors
from results.figures.drawing.style import (
    GREY,
    MARKERS,
    Drawing,
    NothingToDrawError,
    Width,
    legend_below,
    line,
    styled,
    titled,
)
from results.run_folder import Run
from results.scores.reconstruction import MARK
from results.scores.records import NOTHING, Record

METHODS = 7


@styled
def missing_rate(run: Run, target: str, *, width: Width = "single", methods: int = METHODS) -> Drawing:
    """AUC against the share of patients who lost a sequence: a panel for each sequence, a line for each method.

    Args:
        run: A run folder.
        target: One of its targets.
        width: The width of the figure.
        methods: The largest number of lines; those with the best mean AUC are shown.

    Raises:
        NothingToDrawError: No cell is done, or sequences were dropped at fewer than two rates.
    """
    choice = chosen(run, target)
    others = [axis for axis in choice.varying if axis != "drop"]
    dropped = [cell for cell in choice.cells if rates(str(cell.get("drop", "none")))]
    sequences = list(dict.fromkeys(name for cell in dropped for name in rates(str(cell["drop"]))))
    if not sequences:
        raise NothingToDrawError("no sequence was dropped (protocol.drop)")
    figure = Drawing(width, 64 if width == "double" or len(sequences) == 1 else 56.0 * len(sequences))
    shape = (1, len(sequences)) if width == "double" else (len(sequences), 1)
    panels = figure.subplots(*shape, squeeze=False, sharey=True)
    by_sequence = [
        {name: cells for name, cells in _lines(choice, sequence, others).items() if len(cells) > 1}
        for sequence in sequences
    ]
    total = max(map(len, by_sequence))
    best = [_by_mean(found)[:methods] for found in by_sequence]
    names = [name for name in _in_the_grid(choice, others) if any(name in shown for shown in best)]
    for panel, sequence, found, shown in zip(panels.flat, sequences, by_sequence, best, strict=True):
        for place, name in enumerate(shown):
            i = names.index(name)
            x = np.array([100 * rate for rate, _ in found[name]]) + (place - len(shown) / 2) * 0.7
            records = [cell for _, cell in found[name]]
            style = line(i) | {"marker": MARKERS[i % len(MARKERS)]}
            bars = panel.errorbar(x, [r["auc"] for r in records], yerr=ends(records), elinewidth=0.6, **style)
            bars.lines[2][0].set_linestyle("-")
        panel.set(xlabel=f"Patients without {sequence} (%)")
        panel.set_xticks(sorted({100 * rate for cells in found.values() for rate, _ in cells}))
    panels[0, 0].set_ylabel(run.auc_label)
    failed = {choice.name(cell, others, marked=False) for cell in choice.cells if cell["key"] in choice.failed}
    handles = [
        Line2D([], [], label=f"{name} {MARK}" if name in failed else name, marker=MARKERS[i % 7], **line(i))
        for i, name in enumerate(names)
    ]
    location = own_floors(run, choice.cells, choice.floors, run.location)
    if location is not None:
        style = {"color": GREY, "linestyle": ":", "linewidth": 1.0}
        for panel, sequence in zip(panels.flat, sequences, strict=True):
            for one in _floor_lines(choice, sequence, others, location):
                panel.plot([100 * rate for rate, _ in one], [auc for _, auc in one], zorder=0, **style)
        handles.append(Line2D([], [], label="location alone", **style))
    titled(list(panels.flat), sequences if len(sequences) > 1 else ("",))
    legend_below(figure, handles)
    more = f" The best {methods} of {total} methods by mean AUC are shown." if total > methods else ""
    figure.caption = (
        f"AUC of {target} against the share of patients who lost a sequence, by method; {choice.n}. The same patients "
        "lose it in every cell, and those of a smaller share also lose it at a larger one. Bars: 95 %, "
        f"{what_is_covered(choice.run)}. Points are moved sideways so that their bars can be seen.{more}"
    )
    return figure


def rates(drop: str) -> dict[str, float]:
    """The share of patients who lose each sequence, from `t1=0.3, t2=0.6`; empty for `none`."""
    if drop in NOTHING:
        return {}
    inside = drop[drop.find("(") + 1 :].rstrip(")")
    pairs = (part.partition("=") for part in inside.split(", "))
    return {name: float(rate) for name, _, rate in pairs}


def _lines(choice: Chosen, sequence: str, others: list[str]) -> dict[str, list[tuple[float, Record]]]:
    """For each method the cells in which nothing or only this sequence was dropped, by rate."""
    found: dict[str, list[tuple[float, Record]]] = {}
    for cell in choice.cells:
        lost = {name: rate for name, rate in rates(str(cell["drop"])).items() if rate > 0}
        if set(lost) <= {sequence}:
            found.setdefault(choice.name(cell, others, marked=False), []).append((lost.get(sequence, 0.0), cell))
    return {name: sorted(cells, key=lambda pair: pair[0]) for name, cells in found.items()}


def _by_mean(found: dict[str, list[tuple[float, Record]]]) -> list[str]:
    """The methods, best mean AUC first."""
    return sorted(found, key=lambda name: -float(np.mean([cell["auc"] for _, cell in found[name]])))


def _in_the_grid(choice: Chosen, others: list[str]) -> list[str]:
    """The methods in the order of the grid, so that a method has the same colour for every target."""
    order = [cell.key for cell in choice.run.cells]
    cells = sorted(choice.cells, key=lambda cell: order.index(cell["key"]))
    return list(dict.fromkeys(choice.name(cell, others, marked=False) for cell in cells))


def _floor_lines(
    choice: Chosen, sequence: str, others: list[str], floors: OwnFloors
) -> set[tuple[tuple[float, float], ...]]:
    """The AUC by rate of the floors of the methods, each line once: floors lose the sequence as their cells do."""
    lines = _lines(choice, sequence, others).values()
    found = (
        tuple((rate, float(floors.of[cell["key"]]["auc"])) for rate, cell in cells if cell["key"] in floors.of)
        for cells in lines
    )
    return {one for one in found if len(one) > 1}


FIGURE = PaperFigure("AUC against the share of missing sequences", missing_rate, order=100)
