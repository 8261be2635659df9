"""The confusion matrix of the best cell."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.image import AxesImage

from results.figures.base import PaperFigure
from results.figures.drawing.chosen import Chosen, chosen
from results.figures.drawing.style import LINE, SMALL, Drawing, Width, readable_on, styled, text_width, wrapped
from results.run_folder import Run
from results.scores.records import Record
from results.statistics.confusion import Float64, count
from results.statistics.metrics.accuracy import METRIC as ACCURACY
from results.tables.notes import calling

SQUARE = {"single": 17.0, "double": 19.0}
PERCENT_TOO = 7


@styled
def confusion_matrix(run: Run, target: str, *, width: Width = "single") -> Drawing:
    """Counts and row percentages of the best cell by AUC; shades show the row percentages.

    Args:
        run: A run folder.
        target: One of its targets.
        width: The width of the figure.

    Raises:
        NothingToDrawError: No cell of the target is done.
    """
    choice = chosen(run, target)
    best = choice.cells[0]
    K = len(choice.classes)
    side = min(SQUARE[width], {"single": 62.0, "double": 140.0}[width] / K)
    figure = Drawing(width, side * K + 26)
    figure.set_layout_engine("compressed")
    panel = figure.subplots()
    image = matrix(panel, choice, best, side)
    bar = figure.colorbar(image, ax=panel, shrink=0.8, pad=0.03, format=lambda x, _: f"{100 * x:.0f}")
    bar.set_label("Share of the true class (%)")
    title = wrapped(choice.name(best), 80 if width == "single" else 170)
    figure.suptitle(title, fontsize=SMALL + 0.5)
    figure.grow(LINE * title.count("\n"))
    repeats = len(np.unique(choice.predictions(best).repeat))
    pooled = f"mean counts of {repeats} repeats" if repeats > 1 else "counts"
    pooled = f"Folds are pooled: {pooled}" if run.crossed else pooled.capitalize()
    figure.caption = (
        f"Confusion matrix of {target} by {choice.name(best)} (best AUC); {choice.n_of(best)}. "
        f"{pooled}, and % of the true class. {calling(choice.run, choice.classes)}{choice.picked}"
    )
    return figure


def matrix(panel: Axes, choice: Chosen, record: Record, side: float) -> AxesImage:
    """Draws counts and row percentages of a cell into a panel whose squares are `side` mm wide."""
    counts = _counts(choice, record)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1e-12)
    K = len(counts)
    image = panel.imshow(share, cmap="Greys", vmin=0, vmax=1)
    for (true, predicted), number in np.ndenumerate(counts):
        words = _count(number)
        if K <= PERCENT_TOO:
            words += f"\n{100 * share[true, predicted]:.0f} %"
        panel.text(
            predicted, true, words, ha="center", va="center", color=readable_on(image.to_rgba(share[true, predicted]))
        )
    names = [wrapped(name, max(side - 1, 12)) for name in choice.classes]
    upright = max(text_width(word) for name in names for word in name.split("\n")) > side
    panel.set_xticks(range(K), names, rotation=90 if upright else 0)
    panel.set_yticks(range(K), names)
    panel.set(xlabel="Predicted class", ylabel="True class")
    panel.spines[:].set_visible(False)
    panel.tick_params(length=0)
    panel.set_xticks(np.arange(K + 1) - 0.5, minor=True)
    panel.set_yticks(np.arange(K + 1) - 0.5, minor=True)
    panel.grid(which="minor", color="0.8", linewidth=0.5)
    panel.tick_params(which="minor", length=0)
    return image


def _counts(choice: Chosen, record: Record) -> Float64:
    """`(K, K)`: mean counts over repeats, with true classes in rows."""
    found = choice.predictions(record)
    total = count(found.y, found.scored_by(ACCURACY).argmax(axis=1), len(choice.classes))
    return total / len(np.unique(found.repeat))


def _count(number: float) -> str:
    return f"{number:.0f}" if abs(number - round(number)) < 1e-9 else f"{number:.1f}"


FIGURE = PaperFigure("Confusion matrix of the best cell", confusion_matrix, order=60)
