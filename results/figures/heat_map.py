"""Heat map of AUC over two axes of the grid."""

from __future__ import annotations

import numpy as np
from matplotlib.patches import Rectangle

from results.figures.base import PaperFigure
from results.figures.drawing.chosen import Chosen, chosen
from results.figures.drawing.crossed import Crossed, crossed
from results.figures.drawing.own_floors import own_floors
from results.figures.drawing.style import Drawing, Width, auc_scale, readable_on, styled, text_width, wrapped
from results.run_folder import Run
from results.tables.notes import some

ROOM = {"single": 89.0, "double": 183.0}


@styled
def heat_map(run: Run, target: str, *, width: Width = "single") -> Drawing:
    """Mean AUC by encoder and head, or by the two axes that give most numbers; hatched where a cell is missing.

    All means are over the same settings of the other axes.

    Args:
        run: A run folder.
        target: One of its targets.
        width: The width of the figure.

    Raises:
        NothingToDrawError: Fewer than two axes vary or can be compared, or no cell is done.
    """
    choice = chosen(run, target)
    found = crossed(choice)
    rows = [choice.step(found.down, step) for step in found.rows]
    columns = [choice.step(found.across, step) for step in found.columns]
    names = [wrapped(name, ROOM[width] * 0.3) for name in rows]
    left = max(text_width(line) for name in names for line in name.split("\n")) + 8
    side = (ROOM[width] - left - 15) / len(columns)
    upright = any(text_width(name) > side - 1 for name in columns)
    headers = [wrapped(name, 34) for name in columns] if upright else columns
    below = max(text_width(line) for name in headers for line in name.split("\n")) if upright else 3.0
    tall = max(name.count("\n") + 1 for name in names) * 3.4 + 2
    figure = Drawing(width, max(min(side, 11.0), tall) * len(names) + below + 16)
    panel = figure.subplots()
    lowest, highest = auc_scale(found.means)
    image = panel.imshow(found.means, cmap="cividis", aspect="auto", vmin=lowest, vmax=highest)
    for (i, j), mean in np.ndenumerate(found.means):
        if np.isnan(mean):
            panel.add_patch(Rectangle((j - 0.5, i - 0.5), 1, 1, facecolor="white", edgecolor="0.6", hatch="////"))
        elif side > 4.6:
            panel.text(
                j,
                i,
                f"{mean:.2f}",
                ha="center",
                va="center",
                color=readable_on(image.to_rgba(found.means)[i, j]),
            )
    panel.set_xticks(range(len(headers)), headers, rotation=90 if upright else 0)
    panel.set_yticks(range(len(names)), names)
    panel.set(xlabel=f"{found.across} (steps)", ylabel=f"{found.down} (steps)")
    panel.tick_params(length=0)
    panel.spines[:].set_visible(False)
    bar = figure.colorbar(image, ax=panel, pad=0.02)
    bar.set_label("Mean AUC" if len(found.over) > 1 else "AUC")
    figure.caption = _caption(choice, found)
    return figure


def _caption(choice: Chosen, found: Crossed) -> str:
    text = [f"AUC of {choice.target} by {found.down} and {found.across}; {choice.n}."]
    if len(found.over) > 1:
        held = f" with {found.held}" if found.held else ""
        text.append(
            f"Each number is the mean over the same {len(found.over)} settings{held}, which are done for every pair "
            f"shown: {some(found.over, '; ')}."
        )
    elif found.held:
        text.append(f"All numbers are from the one setting that is done for every pair shown: {found.held}.")
    if found.without:
        text.append(
            f"Settings that are not done for every pair shown are left out of all numbers: {some(found.without, '; ')}."
        )
    if found.absent:
        text.append(f"Hatched, since the grid lacks them with these settings: {some(found.absent, '; ')}.")
    if found.lacking:
        text.append(f"Hatched, since a cell of the mean is not done: {some(found.lacking, '; ')}.")
    if location := own_floors(choice.run, choice.cells, choice.floors, choice.run.location):
        text.append(f"Location alone: {location.words}.")
    text.append(f"Rows and columns are sorted by their mean.{choice.run.compares} For intervals see the forest plot.")
    return " ".join(text)


FIGURE = PaperFigure("Mean AUC over two axes of the grid", heat_map, order=30)
