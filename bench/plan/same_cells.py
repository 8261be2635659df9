"""Cells that must give the same result, since their plug-ins say so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bench.grid.axes import NAMES
from bench.plan.plan import Plan
from bench.plan.references import PlannedCell


def same_cells(plan: Plan, cells: Sequence[PlannedCell]) -> dict[str, str]:
    """From the key of a cell to that of an earlier one with the same result.

    These are cells of a single sequence that differ in nothing but fusions that make the same of it
    (`Description.alone`).
    """
    first: dict[tuple[Any, ...], str] = {}
    found: dict[str, str] = {}
    for planned in cells:
        cell = planned.cell
        if cell["sequences"].parts or not plan.keys.plugin("heads", cell["heads"]).reads_embedding:
            continue
        alone = plan.keys.plugin("fusion", cell["fusion"]).describe().alone
        if not alone:
            continue
        steps = tuple(cell[axis] for axis in NAMES if axis != "fusion")
        key = first.setdefault((cell.target, alone, *steps), planned.key)
        if key != planned.key:
            found[planned.key] = key
    return found
