"""Prints a plan: every cell's state, samples and patients by class and fold, and the largest memory needs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.grid.axes import NAMES
from bench.grid.cells import is_floor
from bench.grid.grid import Grid
from bench.grid.selection import is_chosen
from bench.plan.patient_draws import PatientDraws
from bench.plan.plan import Plan
from bench.plan.references import PlannedCell
from bench.plan.stored import Stored

if TYPE_CHECKING:
    import pandas as pd

EXPLORATORY, SHOWN, MANY_CLASSES, NOTES = 20, 5, 20, 12
WORTH_SAYING = 100 << 20  # bytes of a fit below which its memory is no concern


@dataclass
class _Keys:
    """The keys of what is in the store."""

    crops: set[str]
    regions: set[str]
    tokens: set[str]
    networks: set[str]
    fused: set[str]
    fits: set[str]


class Overview:
    """What a plan holds and what is left of it.

    Args:
        grid: The steps and the protocol.
        finished: What is in the store.
        only: The steps to keep, by axis.
    """

    def __init__(self, grid: Grid, finished: Stored, only: Mapping[str, list[str]]) -> None:
        kinds = ("crops", "regions", "tokens", "networks", "fused", "fits")
        self._plan = plan = Plan(grid, finished)
        self._stored = _Keys(*(finished.keys(kind) for kind in kinds))
        self._read = all(ref.key in self._stored.crops for ref in plan.crops_refs())
        if self._read:
            plan.check_images()
        self._cells = [c for c in plan.cells() if is_chosen(c.cell, only)]
        self._states = {c.key: _state(c, self._stored) for c in self._cells}

    def cells(self) -> pd.DataFrame:
        """One row per cell: `key`, `target`, each axis, `status`, `reason` (why it is refused)."""
        import pandas as pd

        rows = [
            {"key": c.key, "target": c.cell.target}
            | c.cell.shown()
            | {"status": self._states[c.key], "reason": c.refused}
            for c in self._cells
        ]
        return pd.DataFrame(rows, columns=["key", "target", *NAMES, "status", "reason"])

    def lines(self) -> Iterator[str]:
        """The plan line by line."""
        cells, stored = self._cells, self._stored
        yield from _data(self._plan, self._read)
        yield ""
        compared = [c for c in cells if not is_floor(c.cell)]
        shown = [axis for axis in NAMES if axis == "heads" or len({c.cell[axis] for c in compared}) > 1]
        for planned in cells:
            named = ", ".join(planned.cell[axis].label() for axis in shown)
            yield f"{self._states[planned.key]:13} {planned.key[:8]}  {planned.cell.target}: {named}"
        yield ""
        states = Counter(self._states.values()).most_common()
        yield f"{len(cells)} cells: " + ", ".join(f"{n} {state}" for state, n in states)
        for reason, n in Counter(c.refused for c in cells if c.refused).items():
            yield f"{n} refused: {reason}"
        yield from _work(cells, stored)
        yield from _refits(PatientDraws(self._plan, cells), cells, stored)
        yield from _bytes(self._plan, cells)


def _data(plan: Plan, read: bool) -> Iterator[str]:
    samples = plan.samples
    yield f"{plan.grid.data.name}: {len(samples)} samples of {len(set(plan.patients))} patients"
    excluded = plan.dataset.excluded()
    if len(excluded):
        yield f"left out while the tables were read, for all targets or for one: {len(excluded)}"
        for row in excluded.head(SHOWN).itertuples():
            yield "  " + " ".join(str(word) for word in (row.file, row.sample, row.reason) if word)
        if len(excluded) > SHOWN:
            yield f"  and {len(excluded) - SHOWN} more; a run lists all in excluded.csv"
    notes = [*plan.dataset.table_notes(), *(note for each in plan.gives_away.values() for note in each)]
    yield from (f"note: {note}" for note in notes[:NOTES])
    if len(notes) > NOTES:
        yield f"  and {len(notes) - NOTES} more notes; a run lists all in run.json"
    absent = [path for study in samples["study"].unique() for path in plan.dataset.absent(study)]
    if absent:
        yield f"files that the table names but that do not exist: {len(absent)}"
        yield from (f"  {path}" for path in absent[:SHOWN])
        if len(absent) > SHOWN:
            yield f"  and {len(absent) - SHOWN} more"
    if not read:
        yield "the images were not read yet: broken files will lower these numbers"
    for name, one in plan.view.labels.items():
        have = np.zeros(len(samples), dtype=bool)
        for sequences in plan.grid.axes["sequences"]:
            for region in plan.grid.axes["regions"]:
                have |= plan.present(sequences, region).any(axis=1)
        yield f"target {name}: samples (patients) by class, in all | in each fold"
        if len(one.classes) > MANY_CLASSES:
            yield f"  {len(one.classes)} different labels, such as {', '.join(one.classes[:3])}: are they classes?"
            continue
        width = max(len(c) for c in one.classes)
        empty: list[str] = []
        for k, c in enumerate(one.classes):
            rows = (one.y == k) & have
            patients = len(set(plan.patients[rows]))
            few = "  exploratory" if patients < EXPLORATORY else ""
            tests = [rows & fold.test for fold in plan.view.folds if fold.repeat == 0]
            folds = "  ".join(f"{t.sum()} ({len(set(plan.patients[t]))})" for t in tests)
            yield f"  {c:{width}}  {rows.sum()} ({patients})  | {folds}{few}"
            if not all(test.any() for test in tests):
                empty.append(c)
        if any(len(set(plan.patients[(one.y == k) & have])) < EXPLORATORY for k in range(len(one.classes))):
            yield f"  exploratory: a class of fewer than {EXPLORATORY} patients gets no p-value"
        if empty and len(one.classes) > 1:
            stratified = plan.grid.protocol.stratify or plan.grid.targets[0].name
            first = "" if stratified == name else f"set protocol.stratify: {name} (now {stratified}), "
            yield (
                f"  folds that lack {', '.join(empty)} are left out of the AUC, folds are stratified on "
                f"{stratified}: {first}merge classes or use fewer folds"
            )


def _state(planned: PlannedCell, stored: _Keys) -> str:
    if planned.refused:
        return "refused"
    done = sum(fit.key in stored.fits for fit in planned.fits)
    if done == len(planned.fits):
        return "done"
    refs = [ref for fit in planned.fits for each in fit.tokens for ref in each]
    trained = any(fit.fused is not None and fit.fused.key in stored.fused for fit in planned.fits)
    if done or trained or any(r.key in stored.tokens or r.network in stored.networks for r in refs):
        return "partly cached"
    return "to compute"


def _work(cells: list[PlannedCell], stored: _Keys) -> Iterator[str]:
    todo = [fit for c in cells if not c.refused for fit in c.fits if fit.key not in stored.fits]
    fits = {fit.key for fit in todo}
    refs = {ref.key: ref for fit in todo for each in fit.tokens for ref in each if ref.key not in stored.tokens}
    trained = sum(ref.fold is not None for ref in refs.values())
    fusions = {fit.fused.key for fit in todo if fit.fused is not None} - stored.fused
    trained_fusions = f", {len(fusions)} trainings of fusions" if fusions else ""
    cut = [ref.crops for ref in refs.values() if ref.crops.fold is not None]
    parts = {part.key for crops in cut for part in crops.parts} - stored.regions
    regions = {crops.network for crops in cut} - stored.regions
    crossed = f" ({len(parts)} of them for the points of training patients)" if parts else ""
    trained_regions = f"{len(regions | parts)} trainings of regions{crossed}, " if regions | parts else ""
    text = f"to compute: {trained_regions}{len(refs)} embeddings ({trained} of them trained in a fold){trained_fusions}"
    yield f"{text}, {len(fits)} fits of heads"


def _refits(refits: PatientDraws, cells: list[PlannedCell], stored: _Keys) -> Iterator[str]:
    """The refits that `interval` asks for."""
    named = [planned for planned in cells if planned.key in refits.redrawn]
    if not named:
        return
    again = [one for planned in named for one in refits.of(planned)]
    fits = {fit.key for one in again for fit in one.fits}
    refs = {ref.key: ref for one in again for fit in one.fits for each in fit.tokens for ref in each}
    trained = sum(ref.fold is not None and key not in stored.tokens for key, ref in refs.items())
    redrawn = max(refits.redrawn.values())
    lacking = f" (up to {redrawn} draws per cell lacked patients of a class and were drawn again)" if redrawn else ""
    yield (
        f"interval: {len(again) // len(named)} refits of {len(named)} cells on drawn patients{lacking}: to compute "
        f"{trained} trained embeddings, {len(fits - stored.fits)} of {len(fits)} fits of heads"
    )


def _bytes(plan: Plan, cells: list[PlannedCell]) -> Iterator[str]:
    """The heads whose fits need most memory; the width of an embedding is known once it is made."""
    sizes: dict[str, tuple[int, str]] = {}
    for planned in cells:
        head = plan.keys.plugin("heads", planned.cell["heads"])
        if planned.refused or not head.reads_embedding:
            continue
        width = _width(plan, planned)
        rows = max(len(fit.rows.train) for fit in planned.fits)
        name = f"{planned.cell['heads'].label()} on {planned.cell['encoders'].label()}"
        least = "" if width else "at least "
        sizes[name] = max(sizes.get(name, (0, "")), (head.memory(rows, width or 1), least))
    shown = sorted(sizes.items(), key=lambda item: -item[1][0])[:3]
    shown = [one for one in shown if one[1][0] >= WORTH_SAYING]
    for name, (size, least) in shown:
        yield f"memory of a fit: {least}{size / 2**20:.0f} MiB for {name}"
    if any(least for _, (_, least) in shown):
        yield "  at least: the embedding is not made yet, and each of its features adds to this"


def _width(plan: Plan, planned: PlannedCell) -> int:
    """The number of features of a cell's embedding; 0 while it is not made."""
    widths = [plan.stored.width(ref.key) for refs in planned.fits[0].tokens for ref in refs]
    return 0 if None in widths else sum(width or 0 for width in widths)
