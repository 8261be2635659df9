"""ROC curves of the best cells and of location."""

from __future__ import annotations

from results.figures.base import PaperFigure
from results.figures.drawing.chosen import RESAMPLES, chosen
from results.figures.drawing.ranked_curves import BEST, ranked_curves
from results.figures.drawing.style import Drawing, Width, styled
from results.run_folder import Run


@styled
def roc(
    run: Run, target: str, *, width: Width = "double", best: int = BEST, resamples: int = RESAMPLES, seed: int = 0
) -> Drawing:
    """ROC curves of the best cells and of `location`; with more than two classes, the mean and each class.

    Curves of folds are averaged at each false-positive rate, weighted by their number of pairs, so that the area under
    a curve is the fold-wise AUC.

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
        T. Fawcett, An introduction to ROC analysis, 2006, doi:10.1016/j.patrec.2005.10.010.
    """
    return ranked_curves("roc", chosen(run, target), width, best, resamples, seed)


FIGURE = PaperFigure("ROC curves of the best cells", roc, order=40)
