"""How well autoencoders rebuilt test patients, per fold."""

from __future__ import annotations

from results import ResultsError
from results.run_folder import Run
from results.tables.formats import Sheet
from results.tables.presets.base import Preset
from results.tables.reconstruction import rebuilt


def reconstruction(run: Run) -> list[Sheet]:
    """Errors of autoencoders, of PCA of the same size and of the mean image, per fold.

    Raises:
        ResultsError: The run has no autoencoder.
    """
    sheet = rebuilt(run, by_fold=True)
    if sheet is None:
        raise ResultsError("no autoencoder was trained in this run: there is no reconstruction to rate")
    return [sheet]


PRESET = Preset("How well autoencoders rebuild test patients, beside PCA and the mean image.", reconstruction, order=85)
