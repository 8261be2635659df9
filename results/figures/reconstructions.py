"""Reconstructions by trained autoencoders of pictures that they had not seen."""

from __future__ import annotations

import numpy as np

from results.figures.base import PaperFigure
from results.figures.drawing.rebuilt import (
    DEPTHS,
    SHOWN,
    STEPS,
    Block,
    column_words,
    drawn,
    pairs_of,
    spread_of,
    trained,
)
from results.figures.drawing.style import Drawing, Width, styled
from results.run_folder import Run


@styled
def reconstructions(run: Run, *, width: Width = "double", steps: int = STEPS) -> Drawing:
    """Pictures of held-out training patients, and under them their reconstructions by the first fold's autoencoder.

    Volumes are shown at three depths.

    Args:
        run: A run folder.
        width: The width of the figure.
        steps: The largest number of autoencoders.

    Raises:
        NothingToDrawError: No autoencoder was trained.
    """
    found = trained(run)
    sheets: list[Block] = []
    spreads = []
    for step in found[:steps]:
        left = step.folds[0]
        pairs = pairs_of(left, SHOWN[width])
        if not np.isnan(spread := spread_of(left)):
            spreads.append(f"{step.name} {spread:.0%}".replace("%", " %"))
        sheets.append((step.name, list(pairs), ["input", "rebuilt"], column_words(left, SHOWN[width])))
    figure = drawn(width, sheets)
    more = f" The first {steps} of {len(found)} autoencoders are shown." if len(found) > steps else ""
    alike = (
        " The variance between the reconstructions, as a share of that between their inputs (near 0 % if a network "
        f"draws one picture for all): {'; '.join(spreads)}."
        if spreads
        else ""
    )
    figure.caption = (
        "Reconstructions by autoencoders of the first fold: pictures of training patients who were held out for early "
        "stopping (input), and their reconstructions (rebuilt). Volumes are shown as slices at up to "
        f"{DEPTHS} depths. Grey values are those of the input.{alike}{more}"
    )
    return figure


FIGURE = PaperFigure("Reconstructions by autoencoders", reconstructions, of="run", order=200, scans=True)
