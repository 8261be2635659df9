"""AUCs on permuted labels and the observed AUC."""

from __future__ import annotations

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from results.figures.base import PaperFigure
from results.figures.drawing.chosen import chosen
from results.figures.drawing.style import (
    COLOURS,
    GREY,
    WIDTHS,
    Drawing,
    NothingToDrawError,
    Width,
    legend_below,
    styled,
    titled,
    wrapped,
)
from results.nulls import exchange_of, folds_of, null_p_text
from results.run_folder import Run
from results.statistics.evaluate import evaluate
from results.statistics.metrics.auc import METRIC as AUC

PANELS = 6
COLUMNS = {"single": 1, "double": 3}


@styled
def null_distribution(run: Run, target: str, *, width: Width = "single", panels: int = PANELS) -> Drawing:
    """The AUCs of runs on permuted labels and the observed AUC, with a panel for each cell, best cells first.

    Args:
        run: A run folder.
        target: One of its targets.
        width: The width of the figure.
        panels: The largest number of panels.

    Raises:
        NothingToDrawError: No cell is done, or none was run on permuted labels.
    """
    choice = chosen(run, target)
    found = [cell for cell in choice.cells if any((run.folder / "null" / cell["key"]).glob("*.parquet"))]
    if not found:
        raise NothingToDrawError("no cell was run on permuted labels (run --null N)")
    shown = found[:panels]
    columns = min(COLUMNS[width], len(shown))
    rows = -(-len(shown) // columns)
    figure = Drawing(width, (58.0 if rows == 1 else 46.0) * rows)
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True)
    texts = []
    for cell, panel in zip(shown, grid.flat, strict=False):
        nulls = [
            evaluate(AUC, p.y, p.P, repeat=p.repeat, fold=p.fold).value for p in run.null(choice.by_key[cell["key"]])
        ]
        panel.hist(nulls, bins=_bins(nulls, cell["auc"]), color="0.8", edgecolor="0.3", hatch="////")
        panel.plot(nulls, np.zeros(len(nulls)), "|", color="black", markersize=5, clip_on=False)
        panel.axvline(cell["auc"], color=COLOURS[1])
        panel.axvline(0.5, color=GREY, linestyle=":", linewidth=0.9)
        panel.tick_params(labelbottom=True)
        panel.set_xlabel(run.auc_label)
        panel.yaxis.set_major_locator(MaxNLocator(4, integer=True))
        p_value = (
            f", p\N{NO-BREAK SPACE}{null_p_text(cell['p_value'], cell['null_runs'])}"
            if np.isfinite(cell["p_value"])
            else ", no p-value (exploratory)"
        )
        texts.append(
            f"{choice.name(cell)}: observed {cell['auc']:.2f}, null mean {np.mean(nulls):.2f}, {len(nulls)} "
            f"runs{p_value}"
        )
    for panel in grid[:, 0]:
        panel.set_ylabel("Runs (number)")
    for panel in grid.flat[len(shown) :]:
        panel.set_axis_off()
    titled(list(grid.flat[: len(shown)]), [wrapped(words, WIDTHS[width] / columns - 18) for words in texts])
    legend_below(
        figure,
        [
            Patch(facecolor="0.8", edgecolor="0.3", hatch="////", label="labels exchanged"),
            Line2D([], [], color=COLOURS[1], label="observed"),
            Line2D([], [], color=GREY, linestyle=":", linewidth=0.9, label="0.5"),
        ],
    )
    more = f" The best {panels} of {len(found)} such cells are shown." if len(found) > panels else ""
    figure.caption = (
        f"AUC of {target} on {exchange_of(run)}, {folds_of(run)}; {choice.n}. "
        f"{'; '.join(texts)}. p = (1 + runs at or above the observed AUC) / (runs + 1).{more}{choice.picked}"
    )
    return figure


def _bins(nulls: list[float], observed: float) -> list[float]:
    """Edges of bins of equal width over all values shown."""
    low, high = min([*nulls, 0.5]), max([*nulls, observed, 0.5])
    return [float(edge) for edge in np.linspace(low, max(high, low + 0.01), 31)]


FIGURE = PaperFigure("AUC on permuted labels", null_distribution, order=130)
