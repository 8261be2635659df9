"""Reconstructions by autoencoders after some steps of their training."""

from __future__ import annotations

import numpy as np

from results.figures.base import PaperFigure
from results.figures.drawing.rebuilt import SHOWN, STEPS, Block, column_words, drawn, pairs_of, slices_of, trained
from results.figures.drawing.style import Drawing, NothingToDrawError, Width, styled
from results.run_folder import Run


@styled
def training_evolution(run: Run, *, width: Width = "double", steps: int = STEPS) -> Drawing:
    """The same pictures, reconstructed after some steps of training.

    Args:
        run: A run folder.
        width: The width of the figure.
        steps: The largest number of autoencoders.

    Raises:
        NothingToDrawError: No autoencoder kept its reconstructions after several steps.
    """
    found = [step for step in trained(run) if "evolution" in step.folds[0].files]
    if not found:
        raise NothingToDrawError("no autoencoder kept its reconstructions after several steps")
    sheets: list[Block] = []
    for step in found[:steps]:
        left = step.folds[0]
        inputs, _ = pairs_of(left, SHOWN[width])
        stages = np.load(left.files["evolution"][0]).astype(np.float64)
        after = np.load(left.files["evolution_steps"][0])
        rows = [slices_of(stage, SHOWN[width]) for stage in stages]
        words = ["input", *(f"step {step}" for step in after)]
        sheets.append((step.name, [inputs, *rows], words, column_words(left, SHOWN[width])))
    figure = drawn(width, sheets)
    first = " of the first fold" if run.crossed else ""
    figure.caption = (
        f"Training of autoencoders{first}: the same pictures of held-out training patients, reconstructed by "
        "the network after some steps of training. The last one shown need not be the one that was kept."
    )
    return figure


FIGURE = PaperFigure("Reconstructions during training", training_evolution, of="run", order=210, scans=True)
