"""What each step of a run lost, in samples and patients, from the dataset to those that cells predict."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from results.json_files import read_json
from results.run_records import FlowRecord
from results.run_tables import SAMPLES, read_samples

if TYPE_CHECKING:
    from results.run_folder import Run

FILE = "flow.json"
WORDS = {
    "read": "that the tables do not describe well enough (their patients are not counted)",
    "target": "not of this target",
    "labels": "without a label",
    "sequences": "without a scan of the sequences used",
    "regions": "with a scan that could not be found, read or cut",
    "copies": "with an image that another patient has",
    "complete": "without every sequence",
    "tested": "in training alone",
    "unknown": "without a label or a usable scan",
}
"""What is said of the samples that a step lost."""


@dataclass(frozen=True)
class Loss:
    """What a step lost.

    Args:
        step: The step.
        samples: The samples that it lost.
        patients: The patients who had samples before it, and none after it.
    """

    step: str
    samples: int
    patients: int

    def text(self) -> str:
        """Such as `50 samples and 2 patients without a label`; patients only where some were lost whole."""
        whole = f" and {counted(self.patients, 'patient')}" if self.patients else ""
        return f"{counted(self.samples, 'sample')}{whole} {WORDS[self.step]}"


@dataclass(frozen=True)
class Flow:
    """The way of the samples of some cells.

    Args:
        samples: The samples that the dataset names.
        patients: The patients of those that could be read.
        losses: The steps that lost samples, in order.
    """

    samples: int
    patients: int
    losses: tuple[Loss, ...]

    def left(self, *, tested: bool = True) -> tuple[int, int]:
        """The samples and the patients that are left: those that are predicted, or all that cells learn from."""
        lost = [one for one in self.losses if tested or one.step != "tested"]
        return self.samples - sum(one.samples for one in lost), self.patients - sum(one.patients for one in lost)

    def text(self) -> str:
        """One sentence on all that was left out."""
        asked = f"{counted(self.samples, 'sample')} of {counted(self.patients, 'patient')}"
        if not self.losses:
            return f"None of {asked} is left out."
        return f"Of {asked}, these are left out: {', '.join(one.text() for one in self.losses)}."


def flows(run: Run, target: str, keys: Sequence[str] | None = None) -> dict[Flow, tuple[str, ...]]:
    """The ways of the samples of a target's cells, each once, with the keys of its cells.

    Args:
        run: A run folder. Where an earlier version wrote it, all steps are one, `unknown`.
        target: A target.
        keys: The cells that count; None for all that are done.

    Raises:
        ResultsError: A file of the run folder can't be read.
    """
    done = [cell for cell in run.cells if cell.target == target and cell.status == "done"]
    wanted = {cell.key for cell in done if keys is None or cell.key in keys}
    written_ways = [(_of_group(group), wanted.intersection(group.cells)) for group in _groups(run.folder)]
    unwritten = wanted.difference(*(cells for _, cells in written_ways))
    found: dict[Flow, tuple[str, ...]] = {}
    for way, cells in [*written_ways, *_seen(run, unwritten)]:
        if cells:
            found[way] = (*found.get(way, ()), *sorted(cells))
    return found


def written(folder: Path) -> dict[str, dict[Flow, tuple[str, ...]]]:
    """The ways that a run wrote, by target, each once with the keys of its cells; empty in folders of earlier versions.

    Raises:
        ResultsError: `flow.json` can't be read.
    """
    found: dict[str, dict[Flow, tuple[str, ...]]] = {}
    for group in _groups(folder):
        of_target, way = found.setdefault(group.target, {}), _of_group(group)
        of_target[way] = (*of_target.get(way, ()), *group.cells)
    return found


def whose(axes: Mapping[str, Mapping[str, str]], ways: Sequence[tuple[str, ...]]) -> list[str]:
    """The cells of each way, by their steps on the first axis on which no two ways have a step in common.

    Args:
        axes: The steps of each cell, by its key.
        ways: The keys of the cells of each way.
    """
    for axis in next(iter(axes.values()), ()):
        steps = [list(dict.fromkeys(axes[key][axis] for key in keys)) for keys in ways]
        if sum(map(len, steps)) == len({step for each in steps for step in each}):
            return [f"{axis} {' or '.join(each)}" for each in steps]
    return [counted(len(keys), "cell") for keys in ways]


def counted(n: int, noun: str) -> str:
    """A number with its noun."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def span(numbers: Sequence[int]) -> str:
    """A number, or the smallest and the largest."""
    low, high = min(numbers), max(numbers)
    return str(low) if low == high else f"{low} to {high}"


def spanned(numbers: Sequence[int], noun: str) -> str:
    """A number, or the smallest and the largest, with their noun."""
    return f"{span(numbers)} {noun}" if max(numbers) == 1 else f"{span(numbers)} {noun}s"


def _groups(folder: Path) -> list[FlowRecord]:
    return read_json(folder / FILE, list[FlowRecord]) if (folder / FILE).exists() else []


def _of_group(group: FlowRecord) -> Flow:
    return _flow([(one.step, one.samples, one.patients) for one in group.steps])


def _flow(steps: Sequence[tuple[str, int, int]]) -> Flow:
    losses = [
        Loss(after[0], before[1] - after[1], before[2] - after[2])
        for before, after in pairwise(steps)
        if after[1] < before[1]
    ]
    return Flow(steps[0][1], steps[0][2], tuple(losses))


def _seen(run: Run, keys: set[str]) -> Iterator[tuple[Flow, set[str]]]:
    """The flow of cells of which no step was written, from the samples of the run and the predictions."""
    if not keys or not (run.folder / SAMPLES).exists():
        return
    patients = read_samples(run.folder)["patient"]
    first = ("dataset", len(patients), patients.nunique())
    for cell in run.cells:
        if cell.key in keys:
            p = run.predictions(cell)
            yield _flow([first, ("unknown", len(np.unique(p.sample)), len(np.unique(p.patient)))]), {cell.key}
