"""What each step of a run lost, in samples and patients, from the dataset to those that cells predict."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from results.json_files import read_json
from results.run_records import FlowRecord
from results.run_tables import FOLDS, SAMPLES, read_samples, read_table

if TYPE_CHECKING:
    from results.run_folder import Run

FILE, TESTED = "flow.json", "tested"
WORDS = {
    "any_label": "without any label (their patients are not counted)",
    "read": "that the tables do not describe well enough (their patients are not counted)",
    "target": "not of this target",
    "labels": "without a label",
    "sequences": "without a scan of the sequences used",
    "regions": "with a scan that could not be found, read or cut",
    "copies": "with an image that another patient has",
    "complete": "without every sequence",
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
        lost = self.losses if tested else self.left_out
        return self.samples - sum(one.samples for one in lost), self.patients - sum(one.patients for one in lost)

    @property
    def left_out(self) -> tuple[Loss, ...]:
        """What no cell learns from or predicts."""
        return tuple(one for one in self.losses if one.step != TESTED)

    def text(self) -> str:
        """All that was left out, and what is only learnt from, in sentences."""
        asked = f"{counted(self.samples, 'sample')} of {counted(self.patients, 'patient')}"
        lost = ", ".join(one.text() for one in self.left_out)
        first = f"Of {asked}, these are left out: {lost}." if lost else f"None of {asked} is left out."
        return f"{first} {self.learns}".strip()

    @property
    def learns(self) -> str:
        """A sentence on the samples that are outside every test part; empty where there are none."""
        kept = next((one for one in self.losses if one.step == TESTED), None)
        if kept is None:
            return ""
        whose = f"{counted(kept.samples, 'sample')} of {counted(kept.patients, 'patient')}"
        does = "serves to fit models and is" if kept.samples == 1 else "serve to fit models and are"
        return f"{whose} {does} not predicted."


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


@dataclass(frozen=True)
class Present:
    """Which of several sequences the samples of some cells have.

    Args:
        target: The target of the cells.
        asked: The sequences of the cells.
        have: The sequences that samples have, and the number of these samples, most first.
        cells: The keys of the cells.
    """

    target: str
    asked: tuple[str, ...]
    have: tuple[tuple[tuple[str, ...], int], ...]
    cells: tuple[str, ...]


def presences(run: Run) -> list[Present]:
    """Which sequences the samples have that cells of several sequences learn from or predict.

    Cells of one target with the same numbers are one. Empty in folders of earlier versions.

    Raises:
        ResultsError: `flow.json` can't be read.
    """
    axes = {cell.key: cell.axes for cell in run.cells if cell.status == "done"}
    found: dict[tuple[Any, ...], tuple[str, ...]] = {}
    for group in _groups(run.folder):
        cells = tuple(key for key in group.cells if key in axes)
        if cells and group.present:
            asked = tuple(axes[cells[0]]["sequences"].split(" + "))
            have = tuple((tuple(one.sequences), one.samples) for one in group.present)
            key = (group.target, asked, axes[cells[0]].get("drop"), have)
            found[key] = (*found.get(key, ()), *cells)
    return [Present(target, asked, have, cells) for (target, asked, _, have), cells in found.items()]


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


@dataclass(frozen=True)
class OfficialParts:
    """The numbers of patients in the parts of an official split; `validation` is 0 where it names no such part."""

    training: int
    validation: int
    test: int

    def others(self, unit: str = "patient") -> str:
        """Those outside the test part, such as `38 patients for training and 10 for validation`."""
        words = f"{counted(self.training, unit)} for training"
        return f"{words} and {self.validation} for validation" if self.validation else words


def official_parts(run: Run) -> OfficialParts:
    """Counts the patients of an official split.

    Raises:
        ResultsError: A file of the run folder can't be read.
    """
    folds, samples = read_table(run.folder / "folds.csv", FOLDS), read_samples(run.folder)
    test = set(folds.loc[folds["fold"] >= 0, "patient"])
    validation: set[str] = set()
    if run.protocol.get("validation") and "split" in samples:
        validation = set(samples.loc[samples["split"] == "val", "patient"]) - test
    return OfficialParts(len(set(samples["patient"]) - test - validation), len(validation), len(test))


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
