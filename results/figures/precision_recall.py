"""Precision-recall curves of the best cells and of location."""

from __future__ import annotations

from results.figures.base import PaperFigure
from results.figures.drawing.chosen import RESAMPLES, chosen
from results.figures.drawing.ranked_curves import BEST, ranked_curves
from results.figures.drawing.style import Drawing, Width, styled
from results.run_folder import Run


@styled
def precision_recall(
    run: Run, target: str, *, width: Width = "double", best: int = BEST, resamples: int = RESAMPLES, seed: int = 0
) -> Drawing:
    """Precision against recall of the best cells and of `location`; the dotted line is the share of positives.

    Curves of folds are averaged at each recall, weighted by their number of pairs, without interpolation between
    thresholds, so that the area under a curve is the fold-wise average precision.

    Args:
        run: A run folder.
        target: One of its targets.
        width: The width of the figure.
        best: The number of cells.
        resamples: Draws of patients for bands and intervals.
        seed: The seed of the draws.

    Raises:
        NothingToDrawError: No cell of the target is done.

    References:
        J. Davis and M. Goadrich, The relationship between precision-recall and ROC curves, 2006,
        doi:10.1145/1143844.1143874.
    """
    return ranked_curves("precision_recall", chosen(run, target), width, best, resamples, seed)


FIGURE = PaperFigure("Precision-recall curves of the best cells", precision_recall, order=50)
