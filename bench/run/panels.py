"""Keeps pictures of the samples on which the best cell of each target does best and worst."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bench.grid.cells import is_floor
from bench.plan.plan import Plan
from bench.plan.references import CropsRef, Fit, PlannedCell
from bench.run.files import write_json
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
    """Writes an `.npz` and a `.json` file for every target, with as many samples as the grid's `panels` asks for.

    The cell is the one with the highest AUC over all repeats, as in tables, among cells that use images. Half of the
    samples have the highest probability of their own class in the first repeat, the other half the lowest; each half
    shows a patient once. The array `image_I_J` is the middle slice `(H, W)` of sequence J of sample I, after the cell's
    region and image steps. `panels/index.json` gives the name of the files of each target. If neither a
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
    index: dict[str, str] = {}
    with new_folder(folder) as draft:
        for name, each in of_target.items():
            if each:
                best = best_cell({c.key: record.predictions_file(c) for c in each})
                planned = next(c for c in each if c.key == best)
                refs = [ref for fit in planned.fits for ref in _crops(fit)]
                mend_crops(plan, store, refs, jobs=jobs, progress=progress)
                if any(store.crops(ref.key, pixels=True) is None for ref in refs):
                    recut([planned])
                index[name] = file_name(name if name != Path(INDEX).stem else f"{name}/", of_target)
                table = first_repeat(record.predictions_file(planned))
                _write_target(plan, store, planned, table, draft / index[name])
        write_json(draft / INDEX, index)


def _is_current(index: Path) -> bool:
    """Whether the panels were written after the grid and its cells, which may change without a fit."""
    if not index.exists():
        return False
    sources = [index.parents[1] / name for name in ("grid.yaml", "cells.json")]
    return all(file.stat().st_mtime_ns <= index.stat().st_mtime_ns for file in sources if file.exists())


def best_cell(files: Mapping[str, Path]) -> str:
    """The key of the cell with the highest AUC over all repeats; of equal cells the first.

    Args:
        files: The predictions of each cell, by its key.
    """
    import pandas as pd

    return max(files, key=lambda key: _auc(pd.read_parquet(files[key])))


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
