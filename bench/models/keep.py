"""Writes the parts of a model: networks, regions, fusions, chains, floors, and digests of the training patients."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bench.grid.axes import LISTED, names
from bench.grid.cells import Cell
from bench.grid.grid import reads
from bench.models.floors import FittedFloor
from bench.models.model import LEARNT_FROM, ModelError, read_chain, step_code
from bench.plan import clinical
from bench.plan.known import LearntFrom
from bench.plan.plan import Plan
from bench.plan.references import CropsRef, PlannedCell, TokensRef
from bench.tasks.entries import NOTE, SUMS
from bench.tasks.store import Store
from data.files.sums import sum_of

if TYPE_CHECKING:
    from bench.stages.chain import Chain
    from bench.stages.fits import FittedHeads


def keep_learnt_from(folder: Path, learnt: LearntFrom) -> None:
    """Writes the digests of the patients whom the model learnt from and of their scans, and the looks of these."""
    content: dict[str, Any] = {"patients": sorted(learnt.patients), "scans": sorted(learnt.scans)}
    content |= {"looks": sorted(learnt.looks), "ids_known": learnt.ids_known}
    (folder / LEARNT_FROM).write_text(json.dumps(content, indent=1), encoding="utf-8")


def keep_cell(
    folder: Path,
    plan: Plan,
    store: Store,
    planned: PlannedCell,
    chain: Chain,
    floors: Mapping[str, FittedFloor],
    *,
    target: str,
) -> dict[str, Any]:
    """Writes the networks, regions, fusions and chain of a cell; returns its part of `model.json`.

    Args:
        folder: The model.
        plan: The plan of the run.
        store: The store, which holds what was trained.
        planned: The cell on all patients.
        chain: What was fitted on its tokens.
        floors: Its floors by name.
        target: The name of its target as a part of a file name.

    Raises:
        ModelError: A part can't be kept.
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
        "merge": next(dict(one.merge) for one in plan.grid.targets if one.name == cell.target),
        "ordinal": labels.target.ordinal,
        "axes": cell.shown(),
        "tuned": bool(plan.keys.plugin("heads", cell["heads"]).tune),
        "threshold": plan.keys.threshold(cell, len(labels.classes)),
        "calls": list(_calls(chain.heads)),
        "floors": {name: _keep_floor(folder, plan, store, floor, f"{target}_{name}") for name, floor in floors.items()},
        "steps": {axis: _described(plan, cell, axis) for axis in (one.name for one in LISTED)},
        "columns": plan.keys.table_columns(cell),
        "clinical": clinical.values(plan.samples.iloc[fit.rows.train], _clinical_columns(plan)),
        "networks": networks,
        "widths": widths,
        "regions": regions,
        "lies": {ref.crops.sequence: sorted(plan.lying(ref.crops)) for refs in fit.tokens for ref in refs},
        "fusions": fusions,
        "chain": file,
        "chain_sum": sum_of(folder / file),
        "places": _places(plan, fit.rows.train),
        "n_samples": len(y),
        "n_patients": len(set(plan.patients[fit.rows.train].tolist())),
        "n_by_class": np.bincount(y, minlength=len(labels.classes)).tolist(),
    }


def _clinical_columns(plan: Plan) -> list[str]:
    return [name for name in plan.dataset.clinical if name in plan.samples]


def _calls(heads: FittedHeads) -> Iterator[dict[str, Any]]:
    """For each branch the threshold or the weights by which its fit calls a class; empty for the most probable one."""
    for fitted in heads.fits:
        found: dict[str, Any] = {}
        if fitted is not None and fitted.threshold is not None:
            found["threshold"] = float(fitted.threshold)
        if fitted is not None and fitted.weights is not None:
            found["weights"] = fitted.weights.tolist()
        yield found


def _keep_floor(folder: Path, plan: Plan, store: Store, floor: FittedFloor, name: str) -> dict[str, Any]:
    """Writes a floor; returns its part of `model.json`: its places, its cell, or its chain on clinical columns."""
    cell = floor.planned.cell
    what: dict[str, Any] = {"reads": reads(plan.keys.plugin("heads", cell["heads"])), "axes": cell.shown()}
    if floor.places is not None:
        return what | floor.places
    assert floor.chain is not None
    if floor.planned.fits[0].tokens:
        return what | {"cell": keep_cell(folder, plan, store, floor.planned, floor.chain, {}, target=name)}
    file = f"chain_{name}.skops"
    _dump(floor.chain, folder / file)
    return what | {
        "columns": plan.keys.table_columns(floor.planned.cell),
        "chain": file,
        "chain_sum": sum_of(folder / file),
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
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("*.csv", "*.parquet", "*.npy", NOTE, SUMS))


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
    except (ModelError, OSError):
        raise
    except Exception as error:
        raise ModelError(f"what was fitted can't be kept without pickle ({type(error).__name__}: {error})") from error
