"""Which of the declared comparisons could be made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from results import ResultsError
from results.flow import counted
from results.run_folder import Run, RunCell
from results.scores.fitness import unfit
from results.scores.named import floor_for, is_step, the_cell
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
        """Such as `4 comparisons for narrowing, 3 of 4 for bulging`."""
        words = []
        for target, n in self.declared.items():
            made = self.compared[target]
            some_of = "" if made == n else f"{made} of "
            words.append(f"{some_of}{counted(n, 'comparison')} for {target}")
        return some(words) if words else "no cell is of it"


def family_made(run: Run, family: Mapping[str, Any]) -> FamilyMade:
    """Counts what could be compared of a family: both cells are done and share samples, and the metric fits the target.

    Raises:
        ResultsError: Predictions can't be read.
    """
    steps = dict(family["family"])
    of_target = steps.pop("targets", None)
    compared, declared = {}, {}
    for target in run.targets if of_target is None else [of_target]:
        all_cells = [cell for cell in run.cells if cell.target == target]
        cells = [
            c for c in all_cells if not c.floor and all(is_step(c.axes[axis], name) for axis, name in steps.items())
        ]
        if cells:
            pairs = list(_pairs(run, all_cells, cells, family))
            declared[target] = len(pairs)
            fits = not unfit(run, target, family["metric"])
            compared[target] = sum(fits and _shares(run, one, other) for one, other in pairs)
    return FamilyMade(compared, declared)


def _pairs(
    run: Run, all_cells: list[RunCell], cells: list[RunCell], family: Mapping[str, Any]
) -> Iterator[tuple[RunCell, RunCell | None]]:
    """Each cell of a family with the one that it is compared with; against the best, each with any that is done."""
    against, done = family["against"], [cell for cell in all_cells if cell.status == "done"]
    if against == "best":
        known = [cell for cell in cells if cell.status == "done"]
        best = known[0] if known else None
        yield from ((cell, best) for cell in cells if cell is not best)
        return
    reference = None
    if not isinstance(against, str):
        try:
            reference = the_cell(all_cells, against)
        except ResultsError:
            reference = None
    for cell in cells:
        other = floor_for(cell, done, against) if isinstance(against, str) else reference
        if other is not cell:
            yield cell, other


def _shares(run: Run, one: RunCell, other: RunCell | None) -> bool:
    if other is None or one.status != "done" or other.status != "done":
        return False
    return not set(run.predictions(one).sample.tolist()).isdisjoint(run.predictions(other).sample.tolist())
