"""Prints a plan: a summary with time, memory and disk, samples and patients by class and fold, every cell's state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bench.grid.axes import NAMES
from bench.grid.cells import Step, is_floor
from bench.grid.grid import Grid
from bench.grid.selection import is_chosen
from bench.plan import identity
from bench.plan.cell_numbers import cell_numbers
from bench.plan.counts import counts
from bench.plan.forecast import Forecast
from bench.plan.known import LearntFrom
from bench.plan.patient_draws import PatientDraws
from bench.plan.plan import Plan
from bench.plan.read_alike import read_external
from bench.plan.references import PlannedCell
from bench.plan.same_cells import same_cells
from bench.plan.stored import Stored

if TYPE_CHECKING:
    import pandas as pd

KINDS = ("crops", "regions", "tokens", "networks", "fused", "fits")
WORTH_SAYING = 100 << 20  # bytes of a fit below which its memory is no concern
LIBRARIES, NETWORKS = 800 << 20, 1400 << 20
"""About what a run needs besides its fits, in bytes: the program with its libraries, and with networks too.

So it was in runs of the grids of this project on a CPU, which took 0.8 to 1.7 GiB in all.
"""

_Keys = Mapping[str, set[str]]


class Overview:
    """What a plan holds and what is left of it.

    Args:
        grid: The steps and the protocol.
        finished: What is in the store.
        only: The steps to keep, by axis.
        runs: Where run folders are; cells have the numbers of the grid's run folder there, if it has one.
        jobs: How many tasks a run does at a time.
    """

    def __init__(
        self,
        grid: Grid,
        finished: Stored,
        only: Mapping[str, list[str]],
        *,
        runs: Path = Path("runs"),
        jobs: int = 1,
    ) -> None:
        self._plan = plan = Plan(grid, finished)
        self._stored: _Keys = {kind: finished.keys(kind) for kind in KINDS}
        self._jobs = jobs
        self._read = all(ref.key in self._stored["crops"] for ref in plan.crops_refs())
        if self._read:
            plan.check_images()
        else:
            plan.check_shared_files()
        every = list(plan.cells())
        self._number = cell_numbers(runs / grid.name, every)
        self._cells = [c for c in every if is_chosen(c.cell, only)]
        self._states = {c.key: _state(c, self._stored) for c in self._cells}
        self._same = same_cells(plan, self._cells)

    def cells(self) -> pd.DataFrame:
        """One row per cell: `number`, `key`, `target`, each axis, `status`, `reason` (of a refusal), `same_as`.

        `same_as` is the number of an earlier cell that must have the same result, or 0.
        """
        import pandas as pd

        rows = [
            {"number": self._number[c.key], "key": c.key, "target": c.cell.target}
            | c.cell.shown()
            | {"status": self._states[c.key], "reason": c.refused}
            | {"same_as": self._number[self._same[c.key]] if c.key in self._same else 0}
            for c in self._cells
        ]
        return pd.DataFrame(rows, columns=["number", "key", "target", *NAMES, "status", "reason", "same_as"])

    def lines(self, *, listed: bool = False) -> Iterator[str]:
        """The plan line by line: a summary, the counts of the data, and every cell if they are to be `listed`."""
        yield from self._summary()
        yield ""
        yield from counts(self._plan, self._read)
        if listed:
            yield ""
            yield from self._list()

    def _summary(self) -> Iterator[str]:
        cells, stored, plan = self._cells, self._stored, self._plan
        found = Counter(self._states.values())
        states = [state for state in ("done", "partly cached", "to compute", "refused") if found[state]]
        yield f"{len(cells)} cells: " + ", ".join(f"{found[state]} {state}" for state in states)
        if self._same:
            some = "1 of them gives" if len(self._same) == 1 else f"{len(self._same)} of them give"
            yield f"{some} the same as another cell; --cells shows which"
        for reason, n in Counter(c.refused for c in cells if c.refused).items():
            yield f"{n} refused: {reason}"
        forecast = Forecast(plan, stored, self._jobs)
        forecast.add(cells)
        yield from _work(cells, stored, self._read)
        refits = PatientDraws(plan, cells)
        again = [one for planned in cells if planned.key in refits.redrawn for one in refits.of(planned)]
        forecast.add(again, "interval: ")
        yield from _refits(refits, again, stored)
        if plan.grid.external is not None:
            yield from self._external(plan.grid.external, forecast)
        yield from forecast.lines()
        todo = [c for c in cells if self._states[c.key] in ("partly cached", "to compute")]
        if todo or again:
            yield from _memory(plan, [*todo, *again[:1]], self._jobs)
            size = f"{'about' if forecast.sized else 'at least'} {_mib(forecast.size)} in {plan.stored.folder}"
            unknown = f"unknown, since {plan.stored.folder} has nothing like these steps"
            yield f"disk: {size if forecast.size else unknown}"

    def _external(self, data: Step, forecast: Forecast) -> Iterator[str]:
        """The external test, with the patients who are also in the first dataset by their ids."""
        plan, protocol = self._plan, self._plan.grid.protocol
        alike = read_external(plan)
        other = alike.step.load("data")
        samples = other.samples()
        patients = samples["patient"].astype(str)
        known: set[str] = set()
        if plan.dataset.patients_known and other.patients_known and protocol.external_ids == "shared":
            labelled = np.any([one.y >= 0 for one in plan.view.labels.values()], axis=0)
            learnt = LearntFrom.of(plan.patients[labelled].tolist(), (), (), ids_known=True)
            known = set(filter(learnt.has, patients.unique()))
        left, runs = patients[~patients.isin(known)], [c for c in self._cells if not c.refused]
        found = f"{len(known)} of the {_counted(patients.nunique(), 'patient')} of {data.label()} "
        found += f"{'has the id of a patient' if len(known) == 1 else 'have the ids of patients'} of `data`"
        own = "protocol.external_ids: own if the two sources count their patients independently"
        if known and left.empty:
            yield f"external test: {found}, so `run` will refuse to start, since no other patient is left: set {own}"
        elif known and protocol.external_known == "refuse":
            out = "protocol.external_known: exclude to leave out such patients"
            yield f"external test: {found}, so `run` will refuse to start: set {out}, or {own}"
        else:
            forecast.add_external(runs, len(left))
            yield (
                f"external test: at the end each cell that is done is fitted once on all patients and scored once on "
                f"{data.label()} ({_counted(len(left), 'sample')} of {_counted(left.nunique(), 'patient')}): up to "
                f"{len(runs)} fits of heads; what an earlier run has scored is not computed again"
            )
            if known:
                yield f"external test: {found}: `run` will leave out such patients, as protocol.external_known says"
        yield from (f"external test: {note}" for note in filter(None, (*alike.notes, alike.columns)))

    def _list(self) -> Iterator[str]:
        """Each cell with its number; cells that must give the same stand in the line of the first."""
        cells = self._cells
        compared = [c for c in cells if not is_floor(c.cell)]
        shown = [axis for axis in NAMES if axis == "heads" or len({c.cell[axis] for c in compared}) > 1]
        twins: dict[str, list[str]] = {}
        for key, first in self._same.items():
            twins.setdefault(first, []).append(key)
        by_key = {c.key: c for c in cells}
        width = len(str(max(self._number.values(), default=0)))
        yield "number, state, key and steps of each cell:"
        for planned in cells:
            if planned.key in self._same:
                continue
            named = ", ".join(step for axis in shown if (step := planned.cell[axis].label()) not in ("-", "none"))
            start = f"{self._number[planned.key]:{width}}  {self._states[planned.key]:13} {planned.key[:8]}"
            same = [
                f"{self._number[key]} ({', '.join(_differs(planned, by_key[key]))}, {self._states[key]})"
                for key in twins.get(planned.key, ())
            ]
            yield f"{start}  {planned.cell.target}: {named}" + (f"; the same as {' and '.join(same)}" if same else "")


def _differs(first: PlannedCell, other: PlannedCell) -> list[str]:
    """The steps of a cell that differ from those of a first one."""
    return [other.cell[axis].label() for axis in NAMES if other.cell[axis] != first.cell[axis]]


def _state(planned: PlannedCell, stored: _Keys) -> str:
    if planned.refused:
        return "refused"
    done = sum(fit.key in stored["fits"] for fit in planned.fits)
    if done == len(planned.fits):
        return "done"
    refs = [ref for fit in planned.fits for each in fit.tokens for ref in each]
    trained = any(fit.fused is not None and fit.fused.key in stored["fused"] for fit in planned.fits)
    if done or trained or any(r.key in stored["tokens"] or r.network in stored["networks"] for r in refs):
        return "partly cached"
    return "to compute"


def _work(cells: list[PlannedCell], stored: _Keys, read: bool) -> Iterator[str]:
    """What is to be computed; `read` is whether all images were read."""
    wanted = [(c.cell, fit) for c in cells if not c.refused for fit in c.fits if fit.key not in stored["fits"]]
    todo = [fit for _, fit in wanted]
    fits = {fit.key for fit in todo}
    # Cells share a fit while all samples seem to have all images: one that can't be read parts those of its sequence.
    most = len(fits) if read else len({(fit.key, cell["sequences"], cell["regions"]) for cell, fit in wanted})
    number_of_fits = f"{len(fits)}" if most == len(fits) else f"{len(fits)} to {most}"
    refs = {ref.key: ref for fit in todo for each in fit.tokens for ref in each if ref.key not in stored["tokens"]}
    trained = sum(ref.fold is not None for ref in refs.values())
    fusions = {fit.fused.key for fit in todo if fit.fused is not None} - stored["fused"]
    trained_fusions = f", {len(fusions)} trainings of fusions" if fusions else ""
    cut = [ref.crops for ref in refs.values() if ref.crops.fold is not None]
    parts = {part.key for crops in cut for part in crops.parts} - stored["regions"]
    regions = {crops.network for crops in cut} - stored["regions"]
    crossed = f" ({len(parts)} of them for the points of training patients)" if parts else ""
    trained_regions = f"{len(regions | parts)} trainings of regions{crossed}, " if regions | parts else ""
    number = "1 embedding" if len(refs) == 1 else f"{len(refs)} embeddings"
    embeddings = f"{number} ({trained} trained in a fold)" if trained else number
    text = f"to compute: {trained_regions}{embeddings}{trained_fusions}"
    more = "" if most == len(fits) else ": more if some images can't be read, so that sequences differ in their samples"
    yield f"{text}, {number_of_fits} fits of heads{more}"


def _refits(refits: PatientDraws, again: list[PlannedCell], stored: _Keys) -> Iterator[str]:
    """The refits that `interval` asks for."""
    if not again:
        return
    fits = {fit.key for one in again for fit in one.fits}
    refs = {ref.key: ref for one in again for fit in one.fits for each in fit.tokens for ref in each}
    trained = sum(ref.fold is not None and key not in stored["tokens"] for key, ref in refs.items())
    redrawn = max(refits.redrawn.values())
    lacking = f" (up to {redrawn} draws per cell lacked patients of a class and were drawn again)" if redrawn else ""
    n = len(refits.redrawn)
    each = f"{_counted(len(again) // n, 'refit')} of {_counted(n, 'cell')}"
    yield (
        f"interval: {each} on drawn patients{lacking}: to compute "
        f"{trained} trained embeddings, {len(fits - stored['fits'])} of {len(fits)} fits of heads"
    )


def _memory(plan: Plan, cells: list[PlannedCell], jobs: int) -> Iterator[str]:
    """About the largest memory of a run, and the heads whose fits need most.

    The width of an embedding is known once it is made.
    """
    sizes: dict[str, tuple[int, bool]] = {}
    networks = False
    for planned in cells:
        head = plan.keys.plugin("heads", planned.cell["heads"])
        if head.reads_images() and not networks:
            plugins = [plan.keys.plugin("encoders", one) for one in planned.cell["encoders"].each]
            networks = "torch" in identity.libraries(type(one).__module__ for one in plugins)
        if not head.reads_embedding:
            continue
        width = _width(plan, planned)
        rows = max(len(fit.rows.train) for fit in planned.fits)
        name = f"{planned.cell['heads'].label()} on {planned.cell['encoders'].label()}"
        size = head.memory(rows, width or 1)
        sizes[name] = max(sizes.get(name, (0, True)), (size, width > 0))
    shown = sorted(sizes.items(), key=lambda item: -item[1][0])
    program = NETWORKS if networks else LIBRARIES
    largest = shown[0][1][0] if shown else 0
    word = "about" if all(known for _, (_, known) in shown) else "at least about"
    what = "libraries and networks" if networks else "libraries"
    yield (
        f"memory: {word} {(program + jobs * largest) / 2**30:.1f} GiB at the peak: {program / 2**30:.1f} GiB for the "
        f"program with its {what}, roughly, and the rest for {jobs} fits at a time"
    )
    large = [(name, size, known) for name, (size, known) in shown[:3] if size >= WORTH_SAYING]
    for name, size, known in large:
        yield f"  memory of a fit: {'' if known else 'at least '}{size / 2**20:.0f} MiB for {name}"
    if word != "about":
        yield "  at least: not all embeddings are made yet, and each of their features adds to this"


def _width(plan: Plan, planned: PlannedCell) -> int:
    """The number of features of a cell's embedding; 0 while it is not made."""
    widths = [plan.stored.width(ref.key) for refs in planned.fits[0].tokens for ref in refs]
    return 0 if None in widths else sum(width or 0 for width in widths)


def _counted(n: int, noun: str) -> str:
    return f"{n} {noun}{'s' * (n != 1)}"


def _mib(size: float) -> str:
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{max(1, round(size / 2**20))} MiB"
