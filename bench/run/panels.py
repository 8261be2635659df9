"""Keeps pictures of the samples on which the best cells of each target do best and worst."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bench.grid.cells import is_floor
from bench.plan.plan import Plan
from bench.plan.references import CropsRef, Fit, PlannedCell
from bench.run.files import read_json, write_json
from bench.run.record import Record
from bench.tasks.local import Watcher
from bench.tasks.reading import mend_crops
from bench.tasks.store import Store
from data.files.whole import new_folder, remove_folder
from data.text.file_names import file_name
from results.statistics.evaluate import evaluate
from results.statistics.metrics.auc import METRIC as AUC

if TYPE_CHECKING:
    import pandas as pd

    from bench.stages.crop_files import Crops

FOLDER, INDEX = "panels", "index.json"
CELLS = 5
"""So many cells of a target have pictures, best AUC first."""


def write(
    plan: Plan,
    store: Store,
    record: Record,
    cells: list[PlannedCell],
    *,
    jobs: int,
    progress: Watcher,
    recut: Callable[[list[PlannedCell]], object],
) -> None:
    """Writes an `.npz` and a `.json` file for the best cells of every target, with as many samples as `panels` says.

    The cells are the five with the highest AUC over all repeats, as in tables, among cells that use images. Half of the
    samples have the highest probability of their own class in the first repeat, the other half the lowest; each half
    shows a patient once. The array `image_I_J` is the middle slice `(H, W)` of sequence J of sample I, after the cell's
    region and image steps. `panels/index.json` lists target, cell and name of the files, best cell first. If neither a
    cell nor the grid changed, nothing is written again.

    `recut` makes the crops of cells again that a fitted region had cut, if they were damaged.
    """
    folder = record.folder / FOLDER
    if plan.grid.panels and _is_current(folder / INDEX):
        return
    of_target = {
        target.name: [c for c in cells if c.cell.target == target.name and not is_floor(c.cell)]
        for target in plan.grid.targets
    }
    remove_folder(folder, INDEX)
    if not plan.grid.panels or not any(of_target.values()):
        return
    index: list[dict[str, str]] = []
    with new_folder(folder) as draft:
        for name, each in of_target.items():
            by_key = {c.key: c for c in each}
            base = file_name(name if name != Path(INDEX).stem else f"{name}/", of_target)
            for place, key in enumerate(best_cells({c.key: record.predictions_file(c) for c in each})):
                planned = by_key[key]
                refs = [ref for fit in planned.fits for ref in _crops(fit)]
                mend_crops(plan, store, refs, jobs=jobs, progress=progress)
                if any(store.crops(ref.key, pixels=True) is None for ref in refs):
                    recut([planned])
                file = f"{base}_{key[:12]}" if place else base
                index.append({"target": name, "cell": key, "file": file})
                _write_target(plan, store, planned, first_repeat(record.predictions_file(planned)), draft / file)
        write_json(draft / INDEX, index)


def _is_current(index: Path) -> bool:
    """Whether the panels were written after the grid and its cells, which may change without a fit."""
    if not isinstance(read_json(index, {}), list):
        return False  # there is none, or an earlier version wrote it
    sources = [index.parents[1] / name for name in ("grid.yaml", "cells.json")]
    return all(file.stat().st_mtime_ns <= index.stat().st_mtime_ns for file in sources if file.exists())


def best_cells(files: Mapping[str, Path], most: int = CELLS) -> list[str]:
    """The keys of the cells with the highest AUC over all repeats, best first; equal cells in their order.

    Args:
        files: The predictions of each cell, by its key.
        most: The largest number of cells.
    """
    import pandas as pd

    auc = {key: _auc(pd.read_parquet(file)) for key, file in files.items()}
    return sorted(auc, key=lambda key: -auc[key])[:most]


def _write_target(plan: Plan, store: Store, planned: PlannedCell, table: pd.DataFrame, to: Path) -> None:
    P = table.filter(regex=r"^p_\d+$").to_numpy()
    own = P[np.arange(len(P)), table["y"]]
    order = np.argsort(own, kind="stable")
    half = max(1, plan.grid.panels // 2)
    chosen = [*of_patients(order[::-1], table["patient"].to_numpy(), half)]
    chosen += of_patients(order, table["patient"].to_numpy(), half)
    of_fold = {(fit.fold.repeat, fit.fold.number): _crops(fit) for fit in planned.fits}
    called = table["called"].to_numpy() if "called" in table else P.argmax(axis=1)
    place = {sample: i for i, sample in enumerate(plan.ids)}
    labels = planned.view.labels[planned.cell.target].classes
    images: dict[str, Any] = {}
    stored: dict[str, Crops | None] = {}
    shown: list[dict[str, Any]] = []
    for i, row in enumerate(chosen):
        record_of = table.iloc[row]
        for j, ref in enumerate(of_fold[int(record_of["repeat"]), int(record_of["fold"])]):
            crops = stored.setdefault(ref.key, store.crops(ref.key, pixels=True))
            entry = -1 if crops is None else int(plan.rows(ref)[place[record_of["sample"]]])
            if crops is not None and entry >= 0:
                pixels = crops[entry].pixels
                images[f"image_{i}_{j}"] = pixels[len(pixels) // 2].astype(np.float32)
        shown.append(
            {
                "sample": str(record_of["sample"]),
                "label": str(labels[int(record_of["y"])]),
                "probability": float(own[row]),
                "predicted": str(labels[int(called[row])]),
                "predicted_probability": float(P[row, int(called[row])]),
                "repeat": int(record_of["repeat"]),
                "fold": int(record_of["fold"]),
                "half": "best" if i < len(chosen) / 2 else "worst",
            }
        )
    np.savez_compressed(f"{to}.npz", **images)
    about = {"cell": planned.key, "sequences": [ref.sequence for ref in _crops(planned.fits[0])], "samples": shown}
    write_json(Path(f"{to}.json"), about)


def _crops(fit: Fit) -> list[CropsRef]:
    """The crops of a fold; a region that learns finds other crops in each fold."""
    return list({ref.crops.key: ref.crops for each in fit.tokens for ref in each}.values())


def of_patients(order: NDArray[np.int64], patient: NDArray[Any], wanted: int) -> list[int]:
    """The first rows of an order, at most one for each patient."""
    found: dict[Any, int] = {}
    for row in order:
        found.setdefault(patient[row], int(row))
        if len(found) == wanted:
            break
    return list(found.values())


def first_repeat(file: Path) -> pd.DataFrame:
    """The predictions of a cell in its first repeat, in which each sample is tested once."""
    import pandas as pd

    table: pd.DataFrame = pd.read_parquet(file)
    first: pd.DataFrame = table[table["repeat"] == table["repeat"].min()].reset_index(drop=True)
    return first


def _auc(table: pd.DataFrame) -> float:
    P = table.filter(regex=r"^p_\d+$").to_numpy()
    y, repeat, fold = (table[name].to_numpy(dtype=np.int64) for name in ("y", "repeat", "fold"))
    value = evaluate(AUC, y, P, repeat=repeat, fold=fold).value
    return value if np.isfinite(value) else -1.0
