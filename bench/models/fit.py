"""Refits cells of a run on all of its patients and writes the model."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bench.grid.axes import LISTED, names
from bench.grid.cells import Cell
from bench.models.chains import fit_chain
from bench.models.model import FILE, FORMAT, ModelError, read_chain, step_code
from bench.models.reopen import SHORT, find_cell, open_plan
from bench.plan.plan import Plan
from bench.plan.references import CropsRef, Fold, PlannedCell, TokensRef, View
from bench.run import described, provenance
from bench.run.progress import Progress
from bench.tasks.local import execute
from bench.tasks.reading import make_crops
from bench.tasks.store import Store
from bench.tasks.versions import versions
from bench.tasks.work import Work
from data.text.file_names import file_name

if TYPE_CHECKING:
    from bench.stages.chain import Chain

ALL = -1  # the fold whose training patients are all


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
    whole = np.ones(len(plan.ids), dtype=bool)
    view = View(plan.view.labels, [Fold(0, ALL, whole, ~whole)])
    planned = [plan.plan_cell(one.cell, view) for one in chosen]
    for one in planned:
        if one.refused:
            raise ModelError(f"cell {one.cell.labels()}: {one.refused}")
        one.fits[0].filling = ""  # there is no test sample to rate a filling on
    chains = _fit_chains(plan, kept, planned, device=device, jobs=jobs, progress=progress)
    draft = out.with_name(f".{out.name}.part")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    taken: set[str] = set()
    parts = [
        {"key_in_run": one.key, **_keep(draft, plan, kept, again, chain, file_name(one.cell.target, taken))}
        for one, again, chain in zip(chosen, planned, chains, strict=True)
    ]
    _describe_model(draft, run, plan, planned, parts, device)
    if out.exists():
        out.rmdir()
    draft.rename(out)
    return chosen


def _fit_chains(
    plan: Plan, store: Store, planned: list[PlannedCell], *, device: str, jobs: int, progress: Progress
) -> list[Chain]:
    """Trains what the cells need on all patients, in the store, and fits the chain of each."""
    with progress.shown():
        make_crops(plan, store, jobs=jobs, progress=progress)
        work = Work(plan, store, device=device, progress=progress, fitted=lambda one: None)
        tasks, fits = work.tasks(planned, ())
        before = [task for task in tasks if task not in fits]
        progress.expect(before)
        execute(before, jobs=jobs, overlap=device != "cpu", watcher=progress)
        for task in before:
            if task.error:
                raise ModelError(f"{task.name}: {task.error}")
        return [fit_chain(plan, work, one, one.fits[0], device=device) for one in planned]


def _describe_model(
    folder: Path, run: Path, plan: Plan, planned: Sequence[PlannedCell], parts: list[dict[str, Any]], device: str
) -> None:
    """Writes `plugins.json` and `model.json`."""
    plugins = described.described(plan.grid.data, [one.cell for one in planned])
    plugins["plugins"][0]["fields"] = {}  # a model that is passed on does not name the folder of the scans
    described.write(folder, plugins)
    about = {
        "format": FORMAT,
        "fitted": datetime.now(UTC).isoformat(timespec="seconds"),
        "run": run.name,
        "dataset": plan.grid.data.name,
        "patients": len(set(plan.patients.tolist())),
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
    taken: dict[str, str] = {}
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
        for sample in plan.ids[one.view.labels[one.cell.target].y >= 0]:
            if taken.setdefault(sample, one.cell.target) != one.cell.target:
                raise ModelError(
                    f"--cell: targets {taken[sample]} and {one.cell.target} share the sample {sample}: name cells "
                    "whose targets share none"
                )
    if len({one.cell.target for one in chosen}) < len(chosen):
        raise ModelError("--cell: two cells have the same target: name one cell for each target")


def _check_done(run: Path, chosen: Sequence[PlannedCell]) -> None:
    """Demands the scores of each cell's cross-validation, which the card shows."""
    known = {one["key"]: one for one in json.loads((run / "cells.json").read_text(encoding="utf-8"))}
    for one in chosen:
        if (status := known[one.key]["status"]) != "done":
            why = f": {known[one.key]['reason']}" if known[one.key]["reason"] else ""
            raise ModelError(f"cell {one.key[:SHORT]} is {status} in {run}{why}; finish its cross-validation first")


def _keep(folder: Path, plan: Plan, store: Store, planned: PlannedCell, chain: Chain, target: str) -> dict[str, Any]:
    """Writes the networks, regions, fusions and chain of a cell; returns its part of `model.json`.

    `target` is the name of its target as a part of a file name.
    """
    cell, fit = planned.cell, planned.fits[0]
    labels = planned.view.labels[cell.target]
    networks, widths = [], []
    for refs in fit.tokens:
        networks.append([_keep_network(folder, plan, store, ref) for ref in refs])
        widths.append([store.width(ref.key) for ref in refs])
    regions = {ref.crops.sequence: _keep_region(folder, store, ref.crops) for refs in fit.tokens for ref in refs}
    fusions = []
    if fit.fused is not None:
        for i in range(len(fit.tokens)):
            name = f"fusions/{target}_{i}"
            source = store.find("fused", fit.fused.key)
            assert source is not None
            shutil.copytree(source / f"encoder_{i}", folder / name)
            fusions.append(name)
        fused = [replace(one, fusion=replace(one.fusion, fuser=None)) for one in chain.encoders]  # type: ignore[arg-type]
        chain = replace(chain, encoders=tuple(fused))
    file = f"chain_{target}.skops"
    _dump(chain, folder / file)
    y = labels.y[fit.rows.train]
    return {
        "target": cell.target,
        "classes": [str(name) for name in labels.classes],
        "rows": dict(labels.target.rows),
        "ordinal": labels.target.ordinal,
        "steps": {axis: _described(plan, cell, axis) for axis in (one.name for one in LISTED)},
        "columns": plan.keys.table_columns(cell),
        "networks": networks,
        "widths": widths,
        "regions": regions,
        "fusions": fusions,
        "chain": file,
        "places": _places(plan, fit.rows.train),
        "n_samples": len(y),
        "n_patients": len(set(plan.patients[fit.rows.train].tolist())),
        "n_by_class": np.bincount(y, minlength=len(labels.classes)).tolist(),
    }


def _places(plan: Plan, rows: NDArray[np.int64]) -> dict[str, list[str]]:
    """The values of each locating column among the training samples."""
    columns = {column: plan.samples[column].astype(str).to_numpy()[rows] for column in plan.dataset.locations}
    return {column: list(dict.fromkeys(values.tolist())) for column, values in columns.items()}


def _keep_network(folder: Path, plan: Plan, store: Store, ref: TokensRef) -> dict[str, str]:
    plugin = plan.keys.plugin("encoders", ref.encoder)
    if ref.fold is None:
        return {"weights": plugin.weights_digest()}
    name = f"networks/{ref.network[:16]}"
    _copy(store.find("networks", ref.network), folder / name)
    return {"folder": name}


def _keep_region(folder: Path, store: Store, ref: CropsRef) -> str:
    """The folder of a region that learnt; empty for any other."""
    if ref.fold is None:
        return ""
    name = f"networks/{ref.network[:16]}"
    _copy(store.find("regions", ref.network), folder / name)
    return name


def _copy(source: Path | None, target: Path) -> None:
    """The weights and settings of a store entry; no tables, which name samples."""
    assert source is not None
    if not target.exists():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("*.csv", "*.parquet", "*.npy", "made_by.json"))


def _described(plan: Plan, cell: Cell, axis: str) -> list[dict[str, Any]]:
    """The single steps of an axis with all fields; sequences have only a name."""
    step = cell[axis]
    if step.name == "-":
        return []
    if axis == "sequences":
        return [{"name": part.name} for part in step.each]
    rebuilt = names("samples", "features")  # a model makes these again by their fields; the others are in its chain
    steps = []
    for part in step.each:
        plugin = plan.keys.plugin(axis, part)
        fields = {f.name: getattr(plugin, f.name) for f in dataclasses.fields(plugin)}
        plain = {k: v for k, v in fields.items() if _is_plain(v)}
        if axis in rebuilt and len(plain) < len(fields):
            field = min(set(fields) - set(plain))
            raise ModelError(f"{axis}/{part.name}: its field {field} is no plain value, so a model can't keep it")
        steps.append({"name": part.name, "fields": plain, "code": step_code(axis, part.name)})
    return steps


def _is_plain(value: Any) -> bool:
    if isinstance(value, tuple | list):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, str | int | float | bool)


def _dump(chain: Chain, path: Path) -> None:
    from skops import io

    try:
        io.dump(chain, path)
        read_chain(path)
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(f"what was fitted can't be kept without pickle ({type(error).__name__}: {error})") from error
