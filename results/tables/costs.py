"""The seconds that cells took, including the training of their fusion with labels."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from results.artifacts import read_artifacts
from results.run_folder import Run, RunCell

Places = dict[tuple[int, int], float]


def seconds(run: Run, target: str) -> dict[str, float]:
    """The seconds of the fits of each done cell of a target and of the training of its fusion, by the cell's key.

    A fusion that is trained with labels counts in full for every cell that uses it, though cells share it. The seconds
    are NaN where the run folder lacks those of a fold of such a fusion, also for a head that reads its probabilities.
    Reading, embedding and steps that learn without labels do not count.

    Args:
        run: A run folder.
        target: One of its targets.

    Raises:
        ResultsError: The predictions of a cell with a trained fusion can't be read.
    """
    cells = [cell for cell in run.cells if cell.target == target and cell.status == "done"]
    found = _trainings(run)
    out = {}
    for cell in cells:
        out[cell.key] = cell.seconds
        if cell.key in found or cell.reads == "own probabilities":
            out[cell.key] += _of_folds(run, cell, found.get(cell.key, {}))
    return out


def _trainings(run: Run) -> dict[str, Places]:
    """By the key of a cell, the seconds of the training of its fusion in each repeat and fold."""
    found: dict[str, Places] = {}
    for one in read_artifacts(run.folder):
        if one.step == "fusion":
            for key in one.cells:
                found.setdefault(key, {})[one.repeat, one.fold] = one.seconds
    return found


def _of_folds(run: Run, cell: RunCell, places: Places) -> float:
    """The sum over the folds of a cell; NaN if one is not known."""
    predictions = run.predictions(cell)
    wanted: Iterable[tuple[int, int]] = set(zip(predictions.repeat.tolist(), predictions.fold.tolist(), strict=True))
    return float(np.sum([places.get(place, float("nan")) for place in sorted(wanted)]))
