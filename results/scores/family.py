"""Which cells a declared family compares, and which of its comparisons can't be made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from results import ResultsError
from results.flow import counted
from results.run_folder import Predictions, Run, RunCell
from results.scores.alignment import Alignment
from results.scores.named import floor_for, is_step, the_cell
from results.scores.paired import value
from results.scores.records import NOTHING
from results.statistics.metrics import METRICS


@dataclass(frozen=True, eq=False)
class MatchedFamily:
    """The cells of a declared family, each with the cell that it is compared with.

    Args:
        pairs: The comparisons whose cells are done and share samples.
        absent: The cells of the other comparisons, each with the reason.
        candidates: Against `best`: the cells among which the best was chosen, the best first.
    """

    pairs: Sequence[tuple[RunCell, RunCell]]
    absent: Sequence[tuple[RunCell, str]]
    candidates: Sequence[RunCell] = ()

    @property
    def size(self) -> int:
        """The number of declared comparisons."""
        return len(self.pairs) + len(self.absent)


def when_declared(declared: Mapping[str, Any]) -> str:
    """Words behind "declared in the grid", with a blank before them, if cells had been scored before; else none."""
    n = declared.get("cells_before", 0)
    return f" after {counted(n, 'cell')} of the run had been scored" if n else ""


def family_cells(run: Run, target: str, declared: Mapping[str, Any]) -> list[RunCell]:
    """The cells of a declared family on one target; empty where the family is of another target."""
    steps = dict(declared["family"])
    if steps.pop("targets", target) != target:
        return []
    return [
        cell
        for cell in run.cells
        if cell.target == target
        and not cell.floor
        and all(is_step(cell.axes[axis], name) for axis, name in steps.items())
    ]


def matched(
    run: Run,
    cells: Sequence[RunCell],
    declared: Mapping[str, Any],
    predictions: Mapping[str, Predictions],
    alignment: Alignment,
) -> MatchedFamily:
    """Finds for each cell of a family the one that it is compared with.

    Args:
        run: A run folder.
        cells: The cells of the family, of one target.
        declared: The declaration in the run: `family`, `against`, `metric`.
        predictions: The predictions of all cells of the target that are done, by key.
        alignment: Their rows.

    Raises:
        ResultsError: The reference is not done, or no cell of the family has a score.
    """
    target, against = cells[0].target, declared["against"]
    of_target = [cell for cell in run.cells if cell.target == target]
    candidates: list[RunCell] = []
    if against == "best":
        candidates = _ranked(cells, declared["metric"], predictions, alignment)
        others: dict[str, RunCell | None] = {cell.key: candidates[0] for cell in cells}
    elif isinstance(against, str):
        done = [cell for cell in of_target if cell.status == "done"]
        others = {cell.key: floor_for(cell, done, against) for cell in cells}
    else:
        reference = the_cell(of_target, against)
        if reference.status != "done":
            because = f": {reference.reason}" if reference.reason else ""
            raise ResultsError(
                f"{target}: the reference ({reference_in_words(against)}) is {reference.status}{because}"
            )
        others = {cell.key: reference for cell in cells}
    pairs, absent = [], []
    for cell in cells:
        other = others[cell.key]
        if other is cell:
            continue
        if cell.status != "done":
            absent.append((cell, cell.status))
        elif other is None:
            absent.append((cell, f"there is no {reference_in_words(against)}"))
        elif not len(alignment.shared(cell.key, other.key)[0].y):
            absent.append((cell, "shares no sample with its reference"))
        else:
            pairs.append((cell, other))
    return MatchedFamily(pairs, absent, candidates)


def reference_in_words(against: str | Mapping[str, str]) -> str:
    """What a family is compared with."""
    return against if isinstance(against, str) else ", ".join(step for step in against.values() if step not in NOTHING)


def _ranked(
    cells: Sequence[RunCell], metric: str, predictions: Mapping[str, Predictions], alignment: Alignment
) -> list[RunCell]:
    measure = METRICS[metric]
    scored = {
        cell.key: value(metric, alignment.rows[cell.key], predictions[cell.key].scored_by(measure))
        for cell in cells
        if cell.status == "done"
    }
    known = [cell for cell in cells if np.isfinite(scored.get(cell.key, np.nan))]
    if not known:
        raise ResultsError(f"{cells[0].target}: none of the {len(cells)} declared cells has a score")
    return sorted(known, key=lambda cell: scored[cell.key], reverse=not measure.lower_is_better)
