"""Which of the declared comparisons could be made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from results import ResultsError
from results.inner_splits import listed
from results.run_folder import Run, RunCell
from results.scores.alignment import aligned
from results.scores.family import family_cells, matched
from results.scores.fitness import unfit
from results.scores.named import the_cell
from results.scores.paired import value
from results.statistics.metrics import METRICS
from results.tables.notes import some


@dataclass(frozen=True)
class FamilyMade:
    """The comparisons of a declared family.

    Args:
        compared: The number of comparisons of each target that could be made.
        declared: The number of declared ones of each target.
    """

    compared: Mapping[str, int]
    declared: Mapping[str, int]

    def __bool__(self) -> bool:
        return any(self.compared.values())

    def text(self) -> str:
        """Such as `4 for narrowing, 3 of 4 for bulging`."""
        words = []
        for target, n in self.declared.items():
            made = self.compared[target]
            words.append(f"{n if made == n else f'{made} of {n}'} for {target}")
        return some(words) if words else "none, since no cell is of the family"


def family_made(run: Run, family: Mapping[str, Any]) -> FamilyMade:
    """Counts what could be compared of a family: both cells have a value of the metric on samples that they share.

    Raises:
        ResultsError: Predictions can't be read.
    """
    compared, declared = {}, {}
    for target in run.targets:
        if cells := family_cells(run, target, family):
            declared[target], compared[target] = _counted(run, target, cells, family)
    return FamilyMade(compared, declared)


def in_family(family: Mapping[str, Any]) -> str:
    """The cells of a declared family, in words."""
    steps = [f"{axis} `{step}`" for axis, step in family["family"].items() if axis != "targets"]
    return f"the cells that have {listed(steps)}" if steps else "all cells"


def reference(run: Run, family: Mapping[str, Any]) -> str:
    """What a declared family is compared with, in words; a cell has its steps, and its number for each target."""
    against = family["against"]
    if against == "best":
        return "the best of them"
    if isinstance(against, str):
        return f"the floor `{against}`"
    numbers = []
    for target in run.targets:
        if family_cells(run, target, family):
            number = the_cell([cell for cell in run.cells if cell.target == target], against).number
            numbers += [f"cell {number} for {target}"] if number else []
    named = f" ({', '.join(numbers)})" if numbers else ""
    return f"the cell that has {listed([f'`{step}`' for step in against.values()])}{named}"


def _counted(run: Run, target: str, cells: list[RunCell], family: Mapping[str, Any]) -> tuple[int, int]:
    """The number of declared comparisons on a target, and of those that could be made."""
    metric, predictions = family["metric"], {}
    for cell in run.cells:
        if cell.target == target and cell.status == "done":
            predictions[cell.key] = run.predictions(cell)
    alignment = aligned(run, target, predictions)
    try:
        found = matched(run, cells, family, predictions, alignment)
    except ResultsError:  # the reference is not done, or no cell has a score
        return len(cells) - (family["against"] == "best"), 0
    if unfit(run, target, metric):
        return found.size, 0

    def scored(cell: RunCell, other: RunCell) -> bool:
        rows, *where = alignment.shared(cell.key, other.key)
        of_metric = (
            predictions[one.key].scored_by(METRICS[metric])[at] for one, at in zip((cell, other), where, strict=True)
        )
        return all(np.isfinite(value(metric, rows, P)) for P in of_metric)

    return found.size, sum(scored(cell, other) for cell, other in found.pairs)
