"""Runs a grid: reads scans that are not read, computes what is not done, and writes the run folder."""

from __future__ import annotations

import importlib
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.grid.axes import AXES
from bench.grid.cells import is_floor
from bench.grid.grid import Grid
from bench.grid.selection import is_chosen
from bench.loaded import CodeChangedError
from bench.plan import identity
from bench.plan.errors import PlanError
from bench.plan.patient_draws import PatientDraws
from bench.plan.plan import Plan
from bench.plan.references import PlannedCell
from bench.plugins import plugin_class
from bench.run import attempts, dataset_scores, described, facts, panels, provenance
from bench.run.artifacts import keep_artifacts
from bench.run.compute import compute
from bench.run.external import open_external, remove_external, run_external
from bench.run.fingerprint import write_fingerprint
from bench.run.near_duplicates import write_near_duplicates
from bench.run.progress import Progress
from bench.run.qualities import write_qualities
from bench.run.record import Record
from bench.run.sessions import Session
from bench.run.state import State
from bench.run.stopped import stopped_by_disk
from bench.run.sums import seal, unseal
from bench.tasks.store import Store

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Options:
    """How a grid is run. These options decide which cells are computed, but change no result.

    Args:
        runs: Where run folders are written.
        store: Where finished steps are kept.
        device: `"auto"`, `"cpu"` or `"cuda"`.
        jobs: How many tasks run at a time; 0 for one per core.
        only: For each axis the names that are run; other cells stay as they are.
        null: The number of runs on permuted labels for each cell.
        within: A column; labels are permuted among samples with the same value in it.
        verify: Whether the content of all files is read again: of the scans, and of the store's entries for the grid.
    """

    runs: Path = Path("runs")
    store: Path = Path(".store")
    device: str = "auto"
    jobs: int = 0
    only: Mapping[str, list[str]] = field(default_factory=dict)
    null: int = 0
    within: str | None = None
    verify: bool = False


@dataclass(frozen=True)
class RunOutcome:
    """The outcome of a run."""

    folder: Path
    counts: Mapping[str, int]
    failures: list[tuple[PlannedCell, str]]
    excluded: pd.DataFrame
    computed: int
    notes: tuple[str, ...] = ()


def run(grid: Grid, grid_file: Path, settings: list[str], options: Options, progress: Progress) -> RunOutcome:
    """Runs the cells that are not done.

    Raises:
        PlanError, LabelError, SplitError, GuardError, DataError: The grid can't be run on this dataset.
        StoppedError: The disk is full, or the run folder can't be written.
    """
    start = time.perf_counter()
    store = Store(options.store, verify=options.verify, say=progress.note)
    store.sweep()
    plan = Plan(grid, store)
    record = Record(options.runs / grid.name, plan, store)
    with stopped_by_disk(record.folder, progress):
        return _run(plan, store, record, start, grid_file, settings, options, progress)


def _run(
    plan: Plan,
    store: Store,
    record: Record,
    start: float,
    grid_file: Path,
    settings: list[str],
    options: Options,
    progress: Progress,
) -> RunOutcome:
    grid = plan.grid
    jobs = options.jobs or provenance.cores()
    stages: dict[str, float] = {}
    with progress.shown():
        if _read(plan, store, options, jobs=jobs, progress=progress):
            stages["reading"] = time.perf_counter() - start
        unseal(record.folder, progress.note)
        write_near_duplicates(record.folder, plan, store)
        excluded = _excluded(plan)
        cells = list(plan.cells())
        chosen = [c for c in cells if is_chosen(c.cell, options.only)]
        if not chosen:
            raise PlanError(f"--only {dict(options.only)} names no cell")
        _check_any_runs(cells, excluded)
        test = open_external(plan, cells, store, jobs=jobs, progress=progress)
        write_fingerprint(record.folder, plan, store)
        facts.write_plan(record.folder, plan, cells, excluded, grid_file, settings)
        plugins = described.described(grid.data, (c.cell for c in cells))
        described.write(record.folder, plugins)
        state = State(cells, record, store, progress)
        if state.counts()["to do"]:  # a fault of the images is worth knowing before hours are spent
            for note in plan.reading_notes():
                progress.note(f"note: {note}")
        todo = [c for c in chosen if not c.refused]
        nulls = _null_cells(plan, todo, options, record)
        refits = PatientDraws(plan, cells)
        again = _refit_cells(refits, todo, record)
        session = Session(record.folder, plugins, stages)
        where: dict[str, Any] = {"device": options.device, "jobs": jobs, "progress": progress, "stages": stages}
        asked = (options.null, options.within)

        def write_about() -> None:
            dataset_scores.write(plan, record, state.finished())
            facts.write_about(record.folder, plan, n_excluded=len(excluded), null=asked, redrawn=refits.redrawn)
            state.save()

        fit = partial(compute, plan, store, state=state, begun=session.begin, before_last=write_about, **where)
        fit(cells=[*todo, *nulls, *again])
        record.sweep(cells, refits.redrawn)
        runnable = [c for c in cells if not c.refused]
        keep_artifacts(record.folder, plan, store, runnable)
        write_qualities(record.folder, plan, store, runnable)
        outside = None
        if test is None:
            remove_external(record.folder)
        else:
            keys = {one.key for one in todo}
            by = {"fitted_on": plan, "numbers": record.numbers(cells), "begun": session.begin, **where}
            outside = run_external(test, state.finished(), keys, record.folder, store, **by)
            state.show()
        panels.write(plan, store, record, state.finished(), jobs=jobs, progress=progress, recut=fit)
    session.end(record.made_with(state.finished()) if session.is_first else ("", {}))
    write_about()
    if not state.counts()["to do"]:
        attempts.clear(record.folder)
    seal(record.folder)
    failures = [*state.failures, *(outside.failures if outside else [])]
    fitted = state.fitted + (outside.fitted if outside else 0)
    return RunOutcome(record.folder, state.counts(), failures, excluded, fitted, tuple(_notes(plan)))


def _read(plan: Plan, store: Store, options: Options, *, jobs: int, progress: Progress) -> bool:
    """Reads the scans that were not read, and looks for near-duplicates among them; says whether any was left."""
    unread = plan.near_duplicates() is None or any(plan.crops(ref) is None for ref in plan.crops_refs())
    if not unread and not options.verify:
        return False
    from bench.tasks.reading import make_crops

    plan.check_shared_files()
    imports = _import_ahead(plan.grid)
    make_crops(plan, store, jobs=jobs, progress=progress, compared=True)
    imports.join()  # two threads inside one package's circular imports see half-made modules
    return True


def _notes(plan: Plan) -> Iterator[str]:
    """What a user should know about how images and tables were read."""
    yield from plan.reading_notes()
    yield from plan.dataset.table_notes()
    for each in plan.gives_away.values():
        yield from each
    sides = plan.sides()
    if beside := sum(not sides.parts(*pair.patients) for pair in plan.near_duplicates() or ()):
        pairs = "1 pair" if beside == 1 else f"{beside} pairs"
        yield f"{pairs} of patients have copies of one scan on the same side of the split: see near_duplicates.csv."


def _excluded(plan: Plan) -> pd.DataFrame:
    """All rows that were left out, by the tables, by reading, or by the guard on images."""
    import pandas as pd

    return pd.concat([plan.dataset.excluded(), plan.read_faults(), plan.check_images()], ignore_index=True)


def _check_any_runs(cells: list[PlannedCell], excluded: pd.DataFrame) -> None:
    """Stops before anything is computed if no remaining cell can be run."""
    if all(c.refused for c in cells):
        reasons = "; ".join(f"{n} cells: {reason}" for reason, n in Counter(c.refused for c in cells).most_common(3))
        left_out = ""
        if len(excluded):
            why, n = Counter(excluded["reason"]).most_common(1)[0]
            one = excluded[excluded["reason"] == why].iloc[0]
            left_out = (
                f" ({len(excluded)} rows were excluded, {n} of them such as {one['file'] or one['sample']}: {why})"
            )
        raise PlanError(f"nothing can be run{left_out}: {reasons}")


def _import_ahead(grid: Grid) -> threading.Thread:
    """Imports what the grid's plug-ins import in a thread of its own, while scans are read."""
    modules = dict.fromkeys(
        plugin_class(axis.name, step.name).__module__
        for axis in AXES
        if axis.package
        for one in grid.axes[axis.name]
        for step in one.each
    )

    def load() -> None:
        with suppress(CodeChangedError):  # the plan raises it
            for name in identity.libraries(modules):
                with suppress(ImportError):
                    importlib.import_module(name)

    thread = threading.Thread(target=load, name="imports", daemon=True)
    thread.start()
    return thread


def _null_cells(plan: Plan, todo: list[PlannedCell], options: Options, record: Record) -> list[PlannedCell]:
    """The cells on permuted labels; floors have none."""
    found: list[PlannedCell] = []
    real: dict[str, str] = {}
    by_cell = {id(c.cell): c for c in todo}
    names = {(c.cell.target, tuple(c.cell.steps.items())): c.key for c in by_cell.values() if not is_floor(c.cell)}
    for k in range(options.null):
        for planned in plan.cells(plan.null_view(k, options.within)):
            key = names.get((planned.cell.target, tuple(planned.cell.steps.items())))
            if key is not None and not planned.refused:
                found.append(planned)
                real[planned.key] = key
    if options.null:
        record.name_runs("null", found, real)
    return found


def _refit_cells(refits: PatientDraws, todo: list[PlannedCell], record: Record) -> list[PlannedCell]:
    """The cells that `interval` names, among those to do, on each draw of patients."""
    found = {planned.key: refits.of(planned) for planned in todo if planned.key in refits.redrawn}
    cells = [one for each in found.values() for one in each]
    record.name_runs("refit", cells, {one.key: key for key, each in found.items() for one in each})
    return cells
