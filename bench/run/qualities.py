"""Tables of how well the steps before the head do on test rows: fillings, regions, found and missed points."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.grid.axes import names
from bench.plan.plan import Plan
from bench.plan.references import CropsRef, Fit, PlannedCell
from bench.run.files import write_table
from bench.tasks.found_points import POINTS_QUALITY, TRAINING_QUALITY
from bench.tasks.locate import QUALITY
from bench.tasks.store import Store
from data.text.csv_tables import read_csv

if TYPE_CHECKING:
    import pandas as pd


def write_qualities(folder: Path, plan: Plan, store: Store, cells: list[PlannedCell]) -> None:
    """Writes `filling.csv`, `regions.csv`, `points.csv`, `training_points.csv` and `not_found.csv`.

    A table without rows is not written.

    Args:
        folder: The run folder.
        plan: The plan of the run.
        store: The store, which holds the ratings.
        cells: The cells that are not refused.
    """
    write_table(folder / "filling.csv", _fillings(store, cells))
    write_table(folder / "regions.csv", _regions(store, cells))
    write_table(folder / "points.csv", _points(plan, store, cells, POINTS_QUALITY), index="sample")
    write_table(folder / "training_points.csv", _points(plan, store, cells, TRAINING_QUALITY), index="sample")
    write_table(folder / "not_found.csv", _not_found(plan, cells))


def _fillings(store: Store, cells: list[PlannedCell]) -> pd.DataFrame:
    """How well missing steps filled hidden sequences of test rows."""
    found: dict[str, pd.DataFrame] = {}
    for planned in cells:
        shown = planned.cell.shown()
        axes = {axis: shown[axis] for axis in (*names("samples"), "missing")}
        for fit in planned.fits:
            folder = store.find("fillings", fit.filling) if fit.filling not in found else None
            if fit.filling and folder is not None:
                where: dict[str, Any] = {"target": planned.cell.target}
                where |= {"repeat": fit.fold.repeat, "fold": fit.fold.number}
                table = read_csv(folder / "quality.csv").rename(columns={"encoder": "encoders"})
                found[fit.filling] = table.assign(**axes | where)
    return _joined(found)


def _regions(store: Store, cells: list[PlannedCell]) -> pd.DataFrame:
    """How near fitted regions came to the given masks of test patients."""
    import pandas as pd

    found: dict[str, pd.DataFrame] = {}
    for fit, crops in _fitted_crops(cells):
        folder = store.find("qualities", crops.network) if crops.network not in found else None
        if folder is not None:
            table = read_csv(folder / QUALITY)
            where = {"regions": crops.region.label(), "sequence": crops.sequence} | _place(fit, crops)
            found[crops.network] = pd.DataFrame(where, index=table.index).join(table)
    return _joined(found)


def _points(plan: Plan, store: Store, cells: list[PlannedCell], file: str) -> pd.DataFrame:
    """How near the found points of test patients, or of training patients, lie to the annotated points."""
    import pandas as pd

    found: dict[str, pd.DataFrame] = {}
    for fit, crops in _fitted_crops(cells):
        place = f"{crops.region.label()} {crops.network}"
        if place in found or not plan.keys.plugin("regions", crops.region).joins_sequences:
            continue
        folder = store.find("regions", crops.network, part=(file,))
        if folder is not None and (folder / file).is_file():
            table = read_csv(folder / file).set_index("sample")
            places = plan.samples[["patient", *plan.dataset.locations]]
            table = places.join(table, how="right")
            where = {"regions": crops.region.label()} | _place(fit, crops)
            found[place] = pd.DataFrame(where, index=table.index).join(table)
    return _joined(found)


def _not_found(plan: Plan, cells: list[PlannedCell]) -> pd.DataFrame:
    """The test samples that fitted regions did not find, with reasons."""
    import pandas as pd

    known: set[str] = set()
    rows: list[dict[str, Any]] = []
    for fit, ref in _fitted_crops(cells):
        if ref.key in known:
            continue
        known.add(ref.key)
        crops, test = plan.crops(ref), set(fit.fold.test.nonzero()[0].tolist())
        where = {"regions": ref.region.label(), "sequence": ref.sequence, "images": ref.images.label()}
        where |= _place(fit, ref)
        for sample, _, why in crops.faults if crops is not None else []:
            if sample >= 0 and (sample in test or ref.fold is None):
                rows.append({**where, "sample": plan.ids[sample], "reason": why})
    return pd.DataFrame(rows)


def _fitted_crops(cells: list[PlannedCell]) -> Iterator[tuple[Fit, CropsRef]]:
    """The crops of fitted regions, each with a fit that uses them."""
    for planned in cells:
        for fit in planned.fits:
            yield from ((fit, ref.crops) for each in fit.tokens for ref in each if ref.crops.network)


def _place(fit: Fit, crops: CropsRef) -> dict[str, Any]:
    """The repeat and fold of some crops; -1 if they serve all folds."""
    return {"repeat": fit.fold.repeat, "fold": fit.fold.number if crops.fold else -1}


def _joined(found: dict[str, pd.DataFrame]) -> pd.DataFrame:
    import pandas as pd

    return pd.concat(found.values()) if found else pd.DataFrame()
