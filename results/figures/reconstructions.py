"""Reconstructions by trained autoencoders of pictures that they had not seen."""

from __future__ import annotations

import math

from results.figures.base import PaperFigure
from results.figures.drawing.rebuilt import (
    DEPTHS,
    SHOWN,
    STEPS,
    Block,
    column_words,
    drawn,
    pairs_of,
    trained,
)
from results.figures.drawing.style import Drawing, Width, styled
from results.run_folder import Run
from results.scores.reconstruction import Reconstruction, ratings


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
    found, rates = trained(run), ratings(run)
    sheets: list[Block] = []
    for step in found[:steps]:
        left = step.folds[0]
        pairs = pairs_of(left, SHOWN[width])
        sheets.append((step.name, list(pairs), ["input", "rebuilt"], column_words(left, SHOWN[width])))
    figure = drawn(width, sheets)
    more = f" The first {steps} of {len(found)} autoencoders are shown." if len(found) > steps else ""
    rated = [words for step in found[:steps] if (words := _rated([one for one in rates if one.name == step.name]))]
    means = " (means over folds)" if run.crossed else ""
    on_test = f" On all test patients{means}: {'; '.join(rated)}." if rated else ""
    first = " of the first fold" if run.crossed else ""
    figure.caption = (
        f"Reconstructions by autoencoders{first}: pictures of training patients who were held out for early "
        "stopping (input), and their reconstructions (rebuilt). Volumes are shown as slices at up to "
        f"{DEPTHS} depths. Grey values are those of the input.{on_test}{more}"
    )
    return figure


def _rated(rates: list[Reconstruction]) -> str:
    """The errors of an autoencoder in words; empty if it was not rated."""
    if not rates:
        return ""
    error, pca, mean, spread = (
        math.fsum(one.values[name] for one in rates) / len(rates)
        for name in ("rmse", "rmse_pca", "rmse_mean", "spread")
    )
    failed = sum(one.collapsed for one in rates)
    return (
        f"{rates[0].name}: RMSE {error:.3f} (PCA of the same size {pca:.3f}, mean image {mean:.3f}), variance between "
        f"reconstructions {spread:.2f} of that between inputs"
        + (f", collapsed in {failed} of {len(rates)} folds" if failed else "")
    )


FIGURE = PaperFigure("Reconstructions by autoencoders", reconstructions, of="run", order=200, scans=True)
