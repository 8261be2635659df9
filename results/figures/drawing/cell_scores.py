"""One picture of one cell: its confusion matrix, ROC curves and reliability."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from results.figures.confusion_matrix import matrix
from results.figures.drawing.chosen import RESAMPLES, Chosen, Resampled, chosen, value
from results.figures.drawing.closing import closed
from results.figures.drawing.curves import mean_curve
from results.figures.drawing.style import GREY, Drawing, NothingToDrawError, Width, legend_below, line, styled, titled
from results.figures.reliability import equal_mass
from results.run_folder import Run, RunCell
from results.scores.records import Record
from results.tables.notes import calling

CLASSES = 7
HEIGHT = {"double": 64.0, "single": 190.0}
SIDE = {"double": 40.0, "single": 50.0}


@styled
def cell_scores(run: Run, cell: RunCell, *, width: Width = "double", resamples: int = RESAMPLES) -> Drawing:
    """Confusion matrix, ROC curves and reliability of one cell, of each class where there are more than two.

    Args:
        run: A run folder.
        cell: One of its cells or floors that is done.
        width: The width of the figure.
        resamples: Draws of patients for the bands.

    Raises:
        NothingToDrawError: The cell is not done.
    """
    choice = chosen(run, cell.target)
    record = next((one for one in (*choice.cells, *choice.floors) if one["key"] == cell.key), None)
    if record is None:
        raise NothingToDrawError(f"the cell is {cell.status}")
    found = choice.bootstrap([record], resamples=resamples, seed=0)
    K = len(choice.classes)
    figure = Drawing(width, HEIGHT[width])
    figure.get_layout_engine().set(h_pad=0.07)  # type: ignore[union-attr, call-arg]
    panels = list(figure.subplots(1, 3) if width == "double" else figure.subplots(3, 1))
    matrix(panels[0], choice, record, SIDE[width] / K)
    _roc(panels[1], choice, record, found)
    _reliability(panels[2], choice, record, found)
    titled(panels, ("confusion matrix", f"ROC, AUC {value(record)}", "reliability"))
    names = [(1, choice.classes[1])] if K == 2 else list(enumerate(choice.classes))[:CLASSES]
    handles = [Line2D([], [], label=f"class {name}", **line(k)) for k, name in names]
    if K > 2:
        handles.insert(0, Line2D([], [], label="mean over the classes", color="black", linewidth=1.6))
    legend_below(figure, handles)
    repeats = len(np.unique(choice.predictions(record).repeat))
    pooled = f"mean counts of {repeats} repeats" if repeats > 1 else "counts"
    which = "each class against the rest" if K > 2 else f"class {choice.classes[1]}"
    rest = f" Of {K} classes the first {CLASSES} have curves." if K > CLASSES else ""
    averaged = "curves of folds, averaged; " if run.crossed else ""
    mass = f"equal mass{' of each repeat' if repeats > 1 else ''}"
    figure.caption = (
        f"{choice.name(record)}, {cell.target}; {choice.n_of(record)}. Confusion matrix: {pooled}, and % of the true "
        f"class. {calling(run, choice.classes)} ROC: {averaged}{which}. Reliability: share of the class against mean "
        f"probability, in up to 10 bins of {mass}; dotted line: perfect calibration.{rest} "
        f"Bands and bars: {found.covers}"
    )
    return closed(figure, run, cell.target)


def _roc(panel: Axes, choice: Chosen, record: Record, found: Resampled) -> None:
    K, key = len(choice.classes), record["key"]
    none = np.empty((0, found.draws.counts.shape[1]))
    every = [1] if K == 2 else list(range(K))
    mean = mean_curve("roc", found.rows[key], found.P[key], every, found.draws.counts)
    if K > 2:
        for k in every[:CLASSES]:
            curve = mean_curve("roc", found.rows[key], found.P[key], [k], none)
            panel.plot(curve.x, curve.y, **line(k) | {"linewidth": 0.9})
    style = line(1) if K == 2 else {"color": "black", "linewidth": 1.6}
    panel.plot(mean.x, mean.y, **style)
    if np.isfinite(mean.low).all():
        inner = slice(None, -1)  # at a false-positive rate of 1 every curve is 1
        panel.fill_between(
            mean.x[inner], mean.low[inner], mean.high[inner], color=style["color"], alpha=0.15, linewidth=0
        )
    panel.plot([0, 1], [0, 1], color=GREY, linestyle=":", linewidth=0.9, zorder=0)
    _square(panel, "False-positive rate", "True-positive rate")


def _reliability(panel: Axes, choice: Chosen, record: Record, found: Resampled) -> None:
    K, key = len(choice.classes), record["key"]
    shown = found if K == 2 else replace(found, draws=choice.bootstrap([record], resamples=0, seed=0).draws)
    for k in [1] if K == 2 else range(min(K, CLASSES)):
        bins = equal_mass(shown, key, k)
        style = line(k) | {"linewidth": 0.9, "marker": "o", "markersize": 2.5}
        if np.isfinite(bins.low).all():
            panel.vlines(bins.predicted, bins.low, bins.high, color=style["color"], linewidth=0.8)
        panel.plot(bins.predicted, bins.observed, **style)
    panel.plot([0, 1], [0, 1], color=GREY, linestyle=":", linewidth=0.9, zorder=0)
    _square(panel, "Predicted probability", "Observed share")


def _square(panel: Axes, across: str, up: str) -> None:
    panel.set(xlabel=across, ylabel=up, xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
    panel.set_xticks(np.linspace(0, 1, 3))
    panel.set_yticks(np.linspace(0, 1, 3))
