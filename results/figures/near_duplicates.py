"""Near-duplicates: the scans of two patients of which one is a copy of the other, side by side."""

from __future__ import annotations

import textwrap

import matplotlib as mpl

from results.figures.base import PaperFigure
from results.figures.drawing.style import Drawing, NothingToDrawError, Width, styled
from results.near_duplicates import TABLE, copied_scans
from results.run_folder import ResultsError, Run

COLUMNS = {"single": 2, "double": 4}
LETTERS = 26


@styled
def near_duplicates(run: Run, *, width: Width = "double") -> Drawing:
    """The first pairs of `near_duplicates.csv`, with how the right scan differs from the left one.

    Pairs have numbers and no names, so that the figure can be shown to others; the table has them in the same order.

    Args:
        run: A run folder.
        width: The width of the figure.

    Raises:
        NothingToDrawError: No scan is a copy of another patient's.
        ResultsError: A picture can't be read.
    """
    found = copied_scans(run)
    shown = [(i, pair, pair.picture) for i, pair in enumerate(found, start=1) if pair.picture is not None]
    if not shown:
        raise NothingToDrawError("no copy of another patient's scan was found")
    columns = COLUMNS[width]
    lines = -(-len(shown) // columns)
    figure = Drawing(width, 30.0 * lines)
    grid = figure.subplots(lines, columns, squeeze=False)
    for axes in grid.flat:
        axes.axis("off")
    for axes, (number, pair, picture) in zip(grid.flat, shown, strict=False):
        try:
            pixels = mpl.image.imread(picture)
        except (OSError, SyntaxError) as error:
            raise ResultsError(f"{picture} can't be read: {error}: run the grid again") from error
        axes.imshow(pixels, cmap="gray", vmin=0, vmax=1)
        axes.set_title(textwrap.fill(f"{number}. {pair.change}", LETTERS))
    figure.caption = (
        f"Near-duplicates: scans of two patients of which one is a copy of the other, {len(shown)} of {len(found)} "
        f"pairs, the most alike first. Over each pair: how the right scan differs from the left one. {TABLE} in the "
        "run folder names the scans in the order of these numbers."
    )
    return figure


FIGURE = PaperFigure("Near-duplicates", near_duplicates, of="run", order=150, scans=True)
