"""AUC against the time of fitting."""

from __future__ import annotations

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from results.figures.base import PaperFigure
from results.figures.drawing.chosen import COVERS, Chosen, chosen, ends
from results.figures.drawing.style import GREY, Drawing, NothingToDrawError, Width, legend_below, mark, styled
from results.run_folder import Run
from results.scores.records import Record
from results.tables.costs import seconds

LEAST = 3
MOST = 14
LISTED = 8


@styled
def cost(run: Run, target: str, *, width: Width = "single") -> Drawing:
    """AUC of every cell against the seconds of its fits, on a log axis; a line joins cells that no cheaper one reaches.

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
    location = choice.location
    if location is not None:
        panel.axhline(location["auc"], color=GREY, linewidth=0.9, linestyle="--", zorder=0)
        handles.append(Line2D([], [], color=GREY, linewidth=0.9, linestyle="--", label="location alone"))
    handles += [Line2D([], [], linestyle="none", label=f"{i}: {choice.name(c)}") for i, c in enumerate(best, start=1)]
    panel.set_xscale("log")
    panel.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if _decades(cells) < 1.5 else (1,)))
    panel.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    panel.xaxis.set_minor_formatter(NullFormatter())
    fitted = "the head and a trained fusion" if _trained(choice, cells) else "the head"
    between = "\n" if width == "single" else " "
    panel.set(xlabel=f"Fitting {fitted},{between}all folds and repeats (s, log scale)", ylabel="AUC (fold-wise)")
    legend_below(figure, handles)
    listed = "; ".join(f"{i} {choice.name(c)} ({c['seconds']:.2g} s)" for i, c in enumerate(best, start=1))
    counted = " (counted in full for each cell that uses it)" if _trained(choice, cells) else ""
    figure.caption = (
        f"AUC of {target} against the seconds of fitting over all folds and repeats: {fitted}{counted}. Reading, "
        f"embedding and steps that learn without labels do not count. By {axis}; {choice.n}. Bars: 95 %, "
        f"{COVERS}. The line joins cells that no cheaper cell reaches: {listed}."
        f"{_lacking(choice, cells)}{choice.picked}"
    )
    return figure


def front(cells: list[Record]) -> list[Record]:
    """The cells, cheapest first, that score higher than every cheaper one."""
    out: list[Record] = []
    for cell in sorted(cells, key=lambda cell: (cell["seconds"], -cell["auc"])):
        if not out or cell["auc"] > out[-1]["auc"]:
            out.append(cell)
    return out


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


def _decades(cells: list[Record]) -> float:
    seconds = [cell["seconds"] for cell in cells]
    return float(np.log10(max(seconds) / min(seconds)))


FIGURE = PaperFigure("AUC against the time of fitting", cost, order=90)
