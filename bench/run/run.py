"""Runs a grid: reads scans that are not read, computes what is not done, and writes the run folder."""

from __future__ import annotations

import importlib
import threading
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
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
from bench.run import dataset_scores, described, facts, panels, provenance
from bench.run.artifacts import keep_artifacts
from bench.run.progress import Progress
from bench.run.qualities import write_qualities
from bench.run.record import Record
from bench.run.state import State
from bench.tasks.local import Task, Watcher, execute
from bench.tasks.store import Store
from bench.tasks.versions import versions

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
    """

    runs: Path = Path("runs")
    store: Path = Path(".store")
    device: str = "auto"
    jobs: int = 0
    only: Mapping[str, list[str]] = field(default_factory=dict)
    null: int = 0
    within: str | None = None


@dataclass(frozen=True)
class RunOutcome:
    """The outcome of a run."""

    folder: Path
    counts: Mapping[str, int]
    failures: list[tuple[PlannedCell, str]]
    excluded: pd.DataFrame
    computed: int


def run(grid: Grid, grid_file: Path, settings: list[str], options: Options, progress: Progress) -> RunOutcome:
    """Runs the cells that are not done.

    Raises:
        PlanError, LabelError, SplitError, GuardError, DataError: The grid can't be run on this dataset.
    """
    start = time.perf_counter()
    store = Store(options.store)
    store.sweep()
    plan = Plan(grid, store)
    record = Record(options.runs / grid.name, plan, store)
    jobs = options.jobs or provenance.cores()
    stages: dict[str, float] = {}
    with progress.shown():
        if any(plan.crops(ref) is None for ref in plan.crops_refs()):
            from bench.tasks.reading import make_crops

            imports = _import_ahead(grid)
            make_crops(plan, store, jobs=jobs, progress=progress)
            imports.join()  # two threads inside one package's circular imports see half-made modules
            stages["reading"] = time.perf_counter() - start
        excluded = _excluded(plan)
        cells = list(plan.cells())
        chosen = [c for c in cells if is_chosen(c.cell, options.only)]
        if not chosen:
            raise PlanError(f"--only {dict(options.only)} names no cell")
        _check_any_runs(cells, excluded)
        facts.write_plan(record.folder, plan, excluded, grid_file, settings)
        plugins = described.described(grid.data, (c.cell for c in cells))
        described.write(record.folder, plugins)
        state = State(cells, record, store, progress)
        todo = [c for c in chosen if not c.refused]
        nulls = _null_cells(plan, todo, options, record)
        refits = PatientDraws(plan, cells)
        again = _refit_cells(refits, todo, record)
        computed = _compute(plan, store, [*todo, *nulls, *again], state, options, jobs, progress, stages)
        record.sweep(cells, refits.redrawn)
        runnable = [c for c in cells if not c.refused]
        keep_artifacts(record.folder, plan, store, runnable)
        write_qualities(record.folder, plan, store, runnable)
        dataset_scores.write(plan, record, state.finished())
        state.save()
        panels.write(plan, store, record, state.finished(), changed=bool(computed))
    session: dict[str, Any] = {"finished": datetime.now(UTC).isoformat(timespec="seconds")}
    if computed:
        session |= {
            "device": computed,
            "seconds": {name: round(value, 1) for name, value in stages.items()},
            "peak_memory_mib": provenance.peak_memory_mib(),
            "versions": versions() | described.versions(plugins),
            "code": provenance.code_state(),
            "machine": provenance.machine(),
        }
        facts.add_session(record.folder, session)
    elif state.finished() and not facts.has_sessions(record.folder):  # a new folder, but the store had all cells
        device, used = record.made_with(state.finished())
        session |= {"device": device, "versions": described.versions(plugins) | used, "code": provenance.code_state()}
        facts.add_session(record.folder, session)
    asked = (options.null, options.within)
    facts.write_about(record.folder, plan, n_excluded=len(excluded), null=asked, redrawn=refits.redrawn)
    state.save()
    return RunOutcome(record.folder, state.counts(), state.failures, excluded, state.fitted)


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


def _compute(
    plan: Plan,
    store: Store,
    cells: list[PlannedCell],
    state: State,
    options: Options,
    jobs: int,
    progress: Progress,
    stages: dict[str, float],
) -> str:
    """Runs the tasks that are left; returns the device, or an empty text if nothing was left."""
    fits = store.keys("fits")  # once: another process may add to them meanwhile
    ready = [planned for planned in cells if all(fit.key in fits for fit in planned.fits)]
    for planned in ready:
        state.done(planned)
    if len(ready) == len(cells):
        return ""
    from bench.tasks.work import Work
    from encoders.networks.torch_base import prepare_process

    prepare_process()
    device = pick_device(options.device)
    work = Work(plan, store, device=device, progress=progress, fitted=state.done)
    tasks, cells_of = work.tasks(cells, fits)

    def ended(task: Task) -> None:
        found = cells_of.get(task)
        lane = "fitting" if found is not None else "embedding"
        stages[lane] = stages.get(lane, 0.0) + task.seconds
        if found is None:
            return
        if task.error:
            for planned in found:
                state.failed(planned, task)
        else:
            state.fitted += 1
            work.done(found)

    progress.expect(tasks)
    state.show()
    execute(tasks, jobs=jobs, overlap=device != "cpu", watcher=_Both(progress, ended))
    return device


class _Both(Watcher):
    """Shows progress, and does the run's own work at the end of each task."""

    def __init__(self, progress: Progress, ended: Any) -> None:
        self._progress = progress
        self._ended = ended

    def started(self, task: Task) -> None:
        self._progress.started(task)

    def finished(self, task: Task) -> None:
        self._ended(task)
        self._progress.finished(task)


def pick_device(wanted: str) -> str:
    """The device to compute on.

    Raises:
        PlanError: There is no such device, or a GPU was asked for and there is none.
    """
    if wanted not in ("auto", "cpu", "cuda"):
        raise PlanError(f"--device {wanted}: use one of auto, cpu, cuda")
    if wanted == "cpu":
        return "cpu"
    import torch

    if torch.cuda.is_available():
        return "cuda"
    if wanted == "cuda":
        raise PlanError("--device cuda: torch sees no GPU here: use --device cpu or auto")
    return "cpu"
