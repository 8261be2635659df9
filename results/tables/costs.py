"""What cells cost in seconds, the training of their fusion with labels included."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from results.artifacts import read_artifacts
from results.run_folder import Cell, Run

Places = dict[tuple[int, int], float]


def seconds(run: Run, target: str) -> dict[str, float]:
    """By the key of each done cell of a target, the seconds of its fits and of the training of its fusion.

    A fusion that is trained with labels (as those that head `own` needs) is counted in full for every cell that uses
    it, though cells share it. NaN where the run folder lacks the seconds of a fold of such a fusion. Reading, embedding
    and what learns without labels are counted in none.

    Args:
        run: A run folder.
        target: One of its targets.

    Raises:
        ResultsError: Predictions of a cell with a trained fusion can't be read.
    """
    cells = [cell for cell in run.cells if cell.target == target and cell.status == "done"]
    found = _trainings(run)
    out = {}
    for cell in cells:
        out[cell.key] = cell.seconds
        if cell.key in found or cell.head == "own":
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


def _of_folds(run: Run, cell: Cell, places: Places) -> float:
    """The sum over the folds of a cell, NaN where one is not known."""
    predictions = run.predictions(cell)
    wanted: Iterable[tuple[int, int]] = set(zip(predictions.repeat.tolist(), predictions.fold.tolist(), strict=True))
    return float(np.sum([places.get(place, float("nan")) for place in sorted(wanted)]))
