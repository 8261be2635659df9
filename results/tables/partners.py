"""Which cells of two runs have no partner in the other run, in sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from results.flow import counted
from results.inner_splits import listed
from results.run_folder import Run, RunCell

Place = tuple[tuple[str, str], ...]
"""The target and the steps of a cell, by which cells of two runs are partners."""
_SHOWN = 3


def partners(run: Run, letter: str, other: str, mine: Mapping[Place, RunCell], alone: Mapping[Place, RunCell]) -> str:
    """How many cells of a run have no cell with the same steps in the other run."""
    targets = [cell.target for cell in alone.values()]
    by_target = ", ".join(f"{target} {targets.count(target)}" for target in dict.fromkeys(targets))
    undone = sum(cell.status != "done" for cell in run.cells)
    text = f"Each of the {len(mine)} cells of {letter} ({run.name}) has a partner in {other}"
    if alone:
        has = "has" if len(alone) == 1 else "have"
        text = f"{len(alone)} of the {counted(len(mine), 'cell')} of {letter} ({run.name}) {has} no partner in {other}"
        text += f", a cell of the same target and steps ({by_target})"
    return (
        f"{text}; {counted(undone, 'more cell')} {'is' if undone == 1 else 'are'} not done." if undone else f"{text}."
    )


def apart(of_a: Mapping[Place, RunCell], of_b: Mapping[Place, RunCell]) -> str:
    """The axes on which cells without a partner have steps that the other run has nowhere, with these steps."""
    found = []
    for axis in dict.fromkeys(axis for place in (*of_a, *of_b) for axis, _ in place):
        shown = []
        for letter, places, others in (("A", of_a, of_b), ("B", of_b, of_a)):
            theirs = {_step(axis, place) for place in others}
            steps = dict.fromkeys(_step(axis, place) for place in places if place not in others)
            if own := [step for step in steps if step not in theirs]:
                shown.append(f"{_some(own)} only in {letter}")
        if shown:
            found.append(f"{axis} ({', '.join(shown)})")
    if not found:
        return "The cells without a partner combine steps differently; no axis alone tells them apart."
    return f"The cells without a partner differ in {listed(found)}."


def _step(axis: str, place: Place) -> str:
    return dict(place).get(axis, "none")


def _some(labels: Sequence[str]) -> str:
    return " or ".join(labels[:_SHOWN]) + (f" or {len(labels) - _SHOWN} more" if len(labels) > _SHOWN else "")
