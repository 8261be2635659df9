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
from results.scores.choice import EXPLORATORY
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
        exploratory: The targets on whose comparisons a class has too few patients for tests.
    """

    compared: Mapping[str, int]
    declared: Mapping[str, int]
    exploratory: frozenset[str]

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
    compared, declared, exploratory = {}, {}, set()
    for target in run.targets:
        if cells := family_cells(run, target, family):
            declared[target], compared[target], rarest = _counted(run, target, cells, family)
            exploratory |= {target} if rarest < EXPLORATORY else set()
    return FamilyMade(compared, declared, frozenset(exploratory))


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
    return f"the cell that has {listed([f'{axis} `{step}`' for axis, step in against.items()])}{named}"


def _counted(run: Run, target: str, cells: list[RunCell], family: Mapping[str, Any]) -> tuple[int, int, int]:
    """The number of declared comparisons on a target, of those that could be made, and of patients of a class there.

    The last is that of the rarest class in any comparison, 0 if none has two cells on common samples.
    """
    metric, predictions = family["metric"], {}
    for cell in run.cells:
        if cell.target == target and cell.status == "done":
            predictions[cell.key] = run.predictions(cell)
    alignment = aligned(run, target, predictions)
    try:
        found = matched(run, cells, family, predictions, alignment)
    except ResultsError:  # the reference is not done, or no cell has a score
        return len(cells) - (family["against"] == "best"), 0, 0
    if unfit(run, target, metric):
        return found.size, 0, 0

    def scored(cell: RunCell, other: RunCell) -> bool:
        rows, *where = alignment.shared(cell.key, other.key)
        of_metric = (
            predictions[one.key].scored_by(METRICS[metric])[at] for one, at in zip((cell, other), where, strict=True)
        )
        return all(np.isfinite(value(metric, rows, P)) for P in of_metric)

    rows = [alignment.shared(cell.key, other.key)[0] for cell, other in found.pairs]
    rarest = min((len(np.unique(r.patient[r.y == k])) for r in rows for k in range(r.n_classes)), default=0)
    return found.size, sum(scored(cell, other) for cell, other in found.pairs), rarest
