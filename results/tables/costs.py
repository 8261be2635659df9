"""The seconds that cells took, including the training of their fusion with labels."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import numpy as np

from results.run_folder import Run, RunCell

Places = dict[tuple[int, int], float]
BEFORE_TABLES = ("sequences", "drop", "regions", "images", "encoders", "missing", "fusion")


def seconds(run: Run, target: str) -> dict[str, float]:
    """The seconds of the fits of each done cell of a target and of the training of its fusion, by the cell's key.

    A fusion that is trained with labels, such as head `own` needs, counts in full for every cell that uses it, though
    cells share it. It is NaN where the run folder lacks the seconds of a fold of such a fusion. Reading, embedding and
    steps that learn without labels do not count.

    Args:
        run: A run folder.
        target: One of its targets.

    Raises:
        ResultsError: The predictions of a cell with a trained fusion can't be read.
    """
    cells = [cell for cell in run.cells if cell.target == target and cell.status == "done"]
    found = _trainings(run, target)
    trained = {cell.axes.get("fusion", "none") for cell in cells if cell.head == "own"} | {steps[-1] for steps in found}
    out = {}
    for cell in cells:
        out[cell.key] = cell.seconds
        if cell.axes.get("fusion", "none") in trained - {"none"} or cell.head == "own":
            out[cell.key] += _of_folds(run, cell, found.get(_steps(cell.axes), {}))
    return out


def _trainings(run: Run, target: str) -> dict[tuple[str, ...], Places]:
    """The seconds of the training of each fusion in each repeat and fold, by the steps up to the fusion."""
    found: dict[tuple[str, ...], Places] = {}
    names = sorted((name.replace("/", "_") for name in run.targets), key=len)
    for path in sorted((run.folder / "artifacts").glob("*/repeat*_fold*/made_by.json")):
        about = json.loads(path.read_text(encoding="utf-8"))
        owner = next((name for name in reversed(names) if path.parts[-3].startswith(f"{name} ")), None)
        of = about.get("of")
        fused = about.get("kind") == "fused" and "seconds" in about and isinstance(of, dict)
        if fused and owner == target.replace("/", "_"):
            repeat, fold = path.parts[-2].removeprefix("repeat").split("_fold")
            found.setdefault(_steps(of), {})[int(repeat), int(fold)] = float(about["seconds"])
    return found


def _steps(axes: dict[str, Any]) -> tuple[str, ...]:
    labels = (str(axes.get(axis, "none")) for axis in BEFORE_TABLES)
    return tuple("none" if label == "-" else label for label in labels)


def _of_folds(run: Run, cell: RunCell, places: Places) -> float:
    """The sum over the folds of a cell; NaN if one is not known."""
    predictions = run.predictions(cell)
    wanted: Iterable[tuple[int, int]] = set(zip(predictions.repeat.tolist(), predictions.fold.tolist(), strict=True))
    return float(np.sum([places.get(place, float("nan")) for place in sorted(wanted)]))
