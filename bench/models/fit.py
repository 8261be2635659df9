"""Refits cells of a run on all of its patients and writes the model."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.models.chains import fit_chain
from bench.models.floors import FittedFloor, fit_floor, floors_of
from bench.models.keep import keep_cell, keep_learnt_from
from bench.models.model import FILE, FORMAT, ModelError
from bench.models.reopen import find_cell, open_plan
from bench.plan.plan import Plan
from bench.plan.read_alike import kept_fields
from bench.plan.references import PlannedCell, for_use
from bench.run import described, facts, provenance
from bench.run.progress import Progress
from bench.tasks.local import execute
from bench.tasks.reading import make_crops
from bench.tasks.scans import learnt_from
from bench.tasks.store import Store
from bench.tasks.versions import versions
from bench.tasks.work import Work
from data.files.sums import write_sums
from data.files.whole import new_folder
from data.text.file_names import file_name
from results.run_records import read_cells
from results.scores.named import SHORT

if TYPE_CHECKING:
    from bench.stages.chain import Chain


def fit_model(
    run: Path,
    cells: Sequence[str],
    out: Path,
    *,
    store: Path,
    grid_file: Path | None,
    device: str,
    jobs: int,
    progress: Progress,
    finish: Callable[[Path], object] = lambda draft: None,
) -> list[PlannedCell]:
    """Refits cells of a run on all of its patients and writes the model.

    The steps are those of the run, in a single fold that trains on all patients.

    Args:
        run: A run folder.
        cells: Keys of cells, or their beginnings; one for each target.
        out: A new or empty folder.
        store: The store of the run.
        grid_file: The run's grid, if it is not the copy in the run folder.
        device: `"cpu"` or `"cuda"`.
        jobs: How many tasks run at a time.
        progress: Shows the work.
        finish: Adds files to the model before it gets its name.

    Returns:
        The cells as the run has them.

    Raises:
        CellError: There is no such run or cell.
        ModelError: No model can be made from a cell, or its cross-validation is not done; `out` exists; or a step
            failed.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ModelError(f"--out {out} exists: name a new folder")
    kept = Store(store)
    plan = open_plan(run, grid_file, kept)
    chosen = [find_cell(run, cell, plan, _fit_for_use, "that can be fitted") for cell in cells]
    _check(chosen, plan)
    _check_done(run, chosen)
    planned = [plan.plan_cell(one.cell, for_use(plan.view)) for one in chosen]
    for one in planned:
        if one.refused:
            raise ModelError(f"cell {one.cell.labels()}: {one.refused}")
        one.fits[0].filling = ""  # there is no test sample to rate a filling on
    floors = [floors_of(plan, one) for one in planned]
    parts = []
    targets = [one.cell.target for one in chosen]
    with progress.shown():
        chains = _fit_chains(plan, kept, planned, floors, device=device, jobs=jobs, progress=progress)
        with new_folder(out) as draft:
            for one, again, (chain, of_cell) in zip(chosen, planned, chains, strict=True):
                target = file_name(one.cell.target, targets)
                kept_cell = keep_cell(draft, plan, kept, again, chain, of_cell, target=target)
                parts.append({"key_in_run": one.key, "key": again.key, **kept_cell})
            keep_learnt_from(draft, learnt_from(plan, planned, kept, jobs=jobs, progress=progress))
            _describe_model(draft, run, plan, planned, parts, device)
            finish(draft)
            write_sums(draft)
    return chosen


def _fit_chains(
    plan: Plan,
    store: Store,
    planned: list[PlannedCell],
    floors: Sequence[Mapping[str, PlannedCell]],
    *,
    device: str,
    jobs: int,
    progress: Progress,
) -> list[tuple[Chain, dict[str, FittedFloor]]]:
    """Trains what the cells and their floors need on all patients, in the store, and fits the chain of each."""
    make_crops(plan, store, jobs=jobs, progress=progress)
    work = Work(plan, store, device=device, progress=progress, fitted=lambda one: None)
    every = [*planned, *(floor for each in floors for floor in each.values())]
    tasks, fits = work.tasks(every, ())
    before = [task for task in tasks if task not in fits]
    progress.expect(before, overlap=device != "cpu")
    execute(before, jobs=jobs, overlap=device != "cpu", watcher=progress)
    for task in before:
        if task.error:
            raise ModelError(f"{task.name}: {task.error}")
    return [
        (
            fit_chain(plan, work, one, one.fits[0], device=device),
            {name: fit_floor(plan, work, floor, device=device) for name, floor in each.items()},
        )
        for one, each in zip(planned, floors, strict=True)
    ]


def _describe_model(
    folder: Path, run: Path, plan: Plan, planned: Sequence[PlannedCell], parts: list[dict[str, Any]], device: str
) -> None:
    """Writes `plugins.json` and `model.json`."""
    read = kept_fields(plan.grid.data, plan.dataset, [one.cell.target for one in planned])
    plugins = described.described(plan.grid.data, [one.cell for one in planned])
    plugins["plugins"][0] |= described.only_fields(plan.grid.data.name, read)
    described.write(folder, plugins)
    about = {
        "format": FORMAT,
        "fitted": datetime.now(UTC).isoformat(timespec="seconds"),
        "run": run.name,
        "dataset": plan.grid.data.name,
        "dataset_fields": read,
        "source": facts.source(plan.grid.data, plan.dataset),
        "locations": list(plan.dataset.locations),
        "patients": len({name for one in planned for name in plan.patients[one.fits[0].rows.train].tolist()}),
        "seed": plan.grid.protocol.seed,
        "device": device,
        "dataset_sequences": list(plan.dataset.sequences),
        "versions": versions() | described.versions(plugins),
        "code": provenance.code_state(),
        "cells": parts,
    }
    (folder / FILE).write_text(json.dumps(about, indent=1), encoding="utf-8")


def _fit_for_use(planned: PlannedCell) -> bool:
    return bool(planned.fits[0].tokens) and not planned.refused


def _check(chosen: Sequence[PlannedCell], plan: Plan) -> None:
    for one in chosen:
        name, region = f"cell {one.key[:SHORT]}", one.cell["regions"]
        if not one.fits[0].tokens:
            raise ModelError(f"{name} ({one.cell['heads'].label()}) reads no image: name another cell")
        plugin = plan.keys.plugin("regions", region)
        if plugin.uses_points and plugin.fixed:
            raise ModelError(
                f"{name}: region {region.label()} needs annotated points, which a new study does not have: name a cell "
                "with a region that finds them"
            )
    if len({one.cell.target for one in chosen}) < len(chosen):
        raise ModelError("--cell: two cells have the same target: name one cell for each target")


def _check_done(run: Path, chosen: Sequence[PlannedCell]) -> None:
    """Demands the scores of each cell's cross-validation, which the card shows."""
    known = {one.key: one for one in read_cells(run)}
    for one in chosen:
        if (status := known[one.key].status) != "done":
            why = f": {known[one.key].reason}" if known[one.key].reason else ""
            raise ModelError(f"cell {one.key[:SHORT]} is {status} in {run}{why}; finish its cross-validation first")
