"""Gains over location with their intervals."""

import numpy as np

from results.figures.base import PaperFigure
from results.figures.drawing.chosen import chosen, ends, what_is_covered
from results.figures.drawing.style import COLOURS, GREY, Drawing, NothingToDrawError, Width, styled
from results.run_folder import Run


@styled
def gains(run: Run, target: str, *, width: Width = "single") -> Drawing:
    """The gain of each cell over `location`, best first, with 95 % intervals.

    Args:
        run: A run folder.
        target: One of its targets.
        width: Width of the figure.

    Raises:
        NothingToDrawError: The run has no row `location`.
    """
    choice = chosen(run, target)
    cells = [cell for cell in choice.cells if np.isfinite(cell.get("gain", np.nan))]
    if not cells:
        raise NothingToDrawError(f"{target}: no cell has a gain over location")
    cells.sort(key=lambda cell: -cell["gain"])
    figure = Drawing(width, 14 + 4.2 * len(cells))
    panel = figure.subplots()
    x, y = [cell["gain"] for cell in cells], range(len(cells))
    panel.errorbar(x, y, xerr=ends(cells, "gain"), fmt="o", color=COLOURS[0], markersize=3, elinewidth=0.9)
    panel.axvline(0, color=GREY, linewidth=0.9)
    panel.set_yticks(y, [choice.name(cell) for cell in cells])
    panel.set_ylim(len(cells) - 0.5, -0.5)
    panel.set_xlabel("Gain in AUC over location")
    figure.caption = (
        f"Gain in AUC of {target} over location; {choice.n}. Both are scored on the same samples. "
        f"Bars: 95 %, {what_is_covered(run)}."
    )
    return figure


FIGURE = PaperFigure("Gain of every cell over location", gains, order=25)
