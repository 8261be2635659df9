"""Score against what fitting took."""

from __future__ import annotations

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from results.figures.chosen import CONDITIONAL, Chosen, Record, chosen, ends
from results.figures.style import GREY, Drawing, NothingToDrawError, Width, legend_below, mark, styled
from results.run_folder import Run

LEAST = 3
MOST = 14


@styled
def cost(run: Run, target: str, *, width: Width = "single") -> Drawing:
    """AUC of every cell against the seconds of its fits, on a log axis; a line joins cells that no cheaper one beats.

    Args:
        run: A run folder.
        target: One of its targets.
        width: Of the figure.

    Raises:
        NothingToDrawError: Fewer than three cells are done and have a time.
    """
    of = chosen(run, target)
    cells = [cell for cell in of.cells if cell["seconds"] > 0]
    if len(cells) < LEAST:
        raise NothingToDrawError(f"fewer than {LEAST} cells are done and have their seconds in cells.json")
    figure = Drawing(width, 68)
    panel = figure.subplots()
    axis = _axis(of)
    kinds = list(dict.fromkeys(str(cell[axis]) for cell in cells))
    handles = []
    for i, kind in enumerate(kinds):
        some = [cell for cell in cells if str(cell[axis]) == kind]
        style = mark(i) if len(kinds) <= MOST else mark(0)
        x, y = ([cell[name] for cell in some] for name in ("seconds", "auc"))
        panel.errorbar(x, y, yerr=ends(some), linestyle="none", elinewidth=0.4, alpha=0.9, **style)
        if len(kinds) <= MOST:
            handles.append(Line2D([], [], linestyle="none", label=kind, **style))
    best = front(cells)
    panel.step([c["seconds"] for c in best], [c["auc"] for c in best], where="post", color="black", linewidth=0.8)
    handles.append(Line2D([], [], color="black", linewidth=0.8, label="best so far by cost"))
    for number, cell in enumerate(best, start=1):
        panel.annotate(
            str(number), (cell["seconds"], cell["auc"]), (-3, 3), textcoords="offset points", ha="right", weight="bold"
        )
    location = of.floor("location")
    if location is not None:
        panel.axhline(location["auc"], color=GREY, linewidth=0.9, linestyle="--", zorder=0)
        handles.append(Line2D([], [], color=GREY, linewidth=0.9, linestyle="--", label="location alone"))
    handles += [Line2D([], [], linestyle="none", label=f"{i}: {of.name(c)}") for i, c in enumerate(best, start=1)]
    panel.set_xscale("log")
    panel.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if _decades(cells) < 1.5 else (1,)))
    panel.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    panel.xaxis.set_minor_formatter(NullFormatter())
    panel.set(xlabel="Fitting the head, all folds and repeats (s, log scale)", ylabel="AUC (fold-wise)")
    legend_below(figure, handles)
    listed = "; ".join(f"{i} {of.name(c)} ({c['seconds']:.2g} s)" for i, c in enumerate(best, start=1))
    figure.caption = (
        f"AUC of {target} against the seconds of fitting the head over all folds and repeats (reading, embedding and "
        f"fusion are not in it), by {axis}; {of.n}. Bars: 95 % percentile bootstrap over patients, {CONDITIONAL}. The "
        f"line joins cells that no cheaper cell reaches: {listed}.{of.picked}"
    )
    return figure


def front(cells: list[Record]) -> list[Record]:
    """The cells, cheapest first, that score higher than every cheaper one."""
    out: list[Record] = []
    for cell in sorted(cells, key=lambda cell: (cell["seconds"], -cell["auc"])):
        if not out or cell["auc"] > out[-1]["auc"]:
            out.append(cell)
    return out


def _axis(of: Chosen) -> str:
    """What colours tell: heads if they vary, else the axis with most steps."""
    if "heads" in of.varying or not of.varying:
        return "heads"
    return max(of.varying, key=lambda axis: len({cell[axis] for cell in of.cells}))


def _decades(cells: list[Record]) -> float:
    seconds = [cell["seconds"] for cell in cells]
    return float(np.log10(max(seconds) / min(seconds)))
