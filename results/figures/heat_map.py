"""Heat map of AUC over two axes of the grid."""

from __future__ import annotations

import numpy as np
from matplotlib.patches import Rectangle

from results.figures.chosen import Chosen, chosen
from results.figures.style import Drawing, NothingToDrawError, Width, readable_on, styled, text_width, wrapped
from results.run_folder import Run
from results.statistics.confusion import Float64

USUAL = ("encoders", "heads")
ROOM = {"single": 89.0, "double": 183.0}


@styled
def heat_map(run: Run, target: str, *, width: Width = "single") -> Drawing:
    """Mean AUC by encoder and head, or by the two axes with most steps; hatched where a cell is missing.

    Args:
        run: A run folder.
        target: One of its targets.
        width: Of the figure.

    Raises:
        NothingToDrawError: Fewer than two axes vary, or no cell is done.
    """
    of = chosen(run, target)
    down, across = _axes(of)
    rows, columns, means, over = _means(of, down, across)
    names = [wrapped(name, ROOM[width] * 0.3) for name in rows]
    left = max(text_width(line) for name in names for line in name.split("\n")) + 8
    side = (ROOM[width] - left - 15) / len(columns)
    upright = any(text_width(name) > side - 1 for name in columns)
    headers = [wrapped(name, 34) for name in columns] if upright else columns
    below = max(text_width(line) for name in headers for line in name.split("\n")) if upright else 3.0
    tall = max(name.count("\n") + 1 for name in names) * 3.4 + 2
    figure = Drawing(width, max(min(side, 11.0), tall) * len(rows) + below + 16)
    panel = figure.subplots()
    image = panel.imshow(means, cmap="cividis", aspect="auto")
    for (i, j), value in np.ndenumerate(means):
        if np.isnan(value):
            panel.add_patch(Rectangle((j - 0.5, i - 0.5), 1, 1, facecolor="white", edgecolor="0.6", hatch="////"))
        elif side > 4.6:
            panel.text(
                j,
                i,
                f"{value:.2f}".removeprefix("0"),
                ha="center",
                va="center",
                color=readable_on(image.to_rgba(means)[i, j]),
            )
    panel.set_xticks(range(len(columns)), headers, rotation=90 if upright else 0)
    panel.set_yticks(range(len(rows)), names)
    panel.set(xlabel=f"{across} (steps)", ylabel=f"{down} (steps)")
    panel.tick_params(length=0)
    panel.spines[:].set_visible(False)
    bar = figure.colorbar(image, ax=panel, pad=0.02)
    bar.set_label("Mean AUC" if max(over) > 1 else "AUC")
    rest = [axis for axis in of.varying if axis not in (down, across)]
    count = f"{min(over)} to {max(over)}" if len(over) > 1 else f"{max(over)}"
    mean = f", mean over {count} cells that differ in {', '.join(rest)}" if max(over) > 1 else ""
    why = " Hatched: not in the grid, or a cell of the mean is not done." if np.isnan(means).any() else ""
    figure.caption = (
        f"AUC of {target} by {down} and {across}{mean}; {of.n}. AUC compares samples of one fold; rows and columns are "
        f"sorted by their mean. No intervals are shown: see the forest plot.{why}"
    )
    return figure


def _axes(of: Chosen) -> tuple[str, str]:
    if all(axis in of.varying for axis in USUAL):
        return USUAL
    by_steps = sorted(of.varying, key=lambda axis: -len({cell[axis] for cell in of.cells}))
    if len(by_steps) < 2:
        raise NothingToDrawError("fewer than two axes of the grid vary")
    return by_steps[0], by_steps[1]


def _means(of: Chosen, down: str, across: str) -> tuple[list[str], list[str], Float64, set[int]]:
    """Steps by their mean, `(r, c)` means that are NaN where a cell lacks, and how many cells a mean is over."""
    found: dict[tuple[str, str], list[float]] = {}
    for cell in (*of.cells, *of.undone):
        value = float(cell["auc"]) if cell["status"] == "done" else float("nan")
        found.setdefault((str(cell[down]), str(cell[across])), []).append(value)
    rows, columns = (list(dict.fromkeys(pair[i] for pair in found)) for i in (0, 1))
    means = np.full((len(rows), len(columns)), np.nan)
    for (row, column), values in found.items():
        means[rows.index(row), columns.index(column)] = np.mean(values)
    down_order, across_order = (
        np.argsort([-_mean(line) for line in lines], kind="stable") for lines in (means, means.T)
    )
    ordered = means[np.ix_(down_order, across_order)]
    return [rows[i] for i in down_order], [columns[j] for j in across_order], ordered, set(map(len, found.values()))


def _mean(values: Float64) -> float:
    kept = values[np.isfinite(values)]
    return float(kept.mean()) if len(kept) else -1.0
