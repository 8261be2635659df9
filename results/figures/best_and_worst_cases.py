"""Best and worst cases: the samples whose own class gets the highest and the lowest probability from the best cell."""

from __future__ import annotations

from results.figures.base import PaperFigure
from results.figures.drawing.cases import Cases
from results.figures.drawing.style import Drawing, Width, styled
from results.run_folder import Run
from results.scores.records import NOTHING


@styled
def best_and_worst_cases(run: Run, target: str, *, width: Width = "double") -> Drawing:
    """The middle slices that the run kept (`panels` in the grid), with the best cases above the worst.

    Grey values run from the 1st to the 99th percentile of each picture. Cases have numbers and no names, so that the
    figure can be shown to others; the file that the caption names has their names in the same order.

    Args:
        run: A run folder.
        target: One of its targets.
        width: The width of the figure.

    Raises:
        NothingToDrawError: The grid requests no panels, or an earlier version wrote them.
        ResultsError: The pictures can't be read.
        SumsError: They were changed after the run.
    """
    cases = Cases(run, target)
    figure = cases.drawing(width)
    cell = next((c for c in run.cells if c.key == cases.key), None)
    steps = ", ".join(v for v in cell.axes.values() if v not in NOTHING) if cell else "a cell that is gone"
    figure.caption = f"Best and worst cases of {target} by the cell with the highest AUC ({steps}). {cases.words}"
    return figure


FIGURE = PaperFigure("Best and worst cases", best_and_worst_cases, order=140, scans=True)
