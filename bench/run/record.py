"""Writes the run folder: all that `results/` reads."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.grid.cells import AXES, FLOORS, NONE, Step
from bench.plan import identity
from bench.plan.plan import Plan, PlannedCell
from bench.tasks.locate import POINTS_QUALITY, QUALITY
from bench.tasks.store import Store

if TYPE_CHECKING:
    import pandas as pd


_BEFORE_TABLES = AXES[: AXES.index("tables")]
LONGEST = 200  # characters of a folder's name
_NOT_KEPT = ("vectors", "present", "probabilities")


class Record:
    """The folder of one run.

    Args:
        folder: Where it is written.
        plan: What is run.
        store: Where fits lie.
    """

    def __init__(self, folder: Path, plan: Plan, store: Store) -> None:
        self.folder = folder
        self._plan = plan
        self._store = store
        self._real: dict[str, str] = {}

    def write_plan(self, excluded: pd.DataFrame, grid_file: Path, settings: list[str]) -> None:
        """What is fixed before anything is fitted: the samples, the folds, what was left out, the grid."""
        plan = self._plan
        self.folder.mkdir(parents=True, exist_ok=True)
        _replace(self.folder / "samples.parquet", lambda to: plan.samples.to_parquet(to))
        _replace(self.folder / "folds.csv", lambda to: plan.folds.to_csv(to, index=False))
        _replace(self.folder / "excluded.csv", lambda to: excluded.to_csv(to, index=False))
        text = grid_file.read_text(encoding="utf-8")
        changed = "".join(f"\n# --set {setting}" for setting in settings)
        _replace(self.folder / "grid.yaml", lambda to: to.write_text(text + changed, encoding="utf-8"))

    def write_run(
        self, n_excluded: int, devices: list[str], null: tuple[int, str | None], redrawn: Mapping[str, int]
    ) -> None:
        """What the run is about.

        Args:
            n_excluded: The rows that were left out.
            devices: What it was computed on.
            null: How many null runs were asked for, and within which column.
            redrawn: For each refitted cell, by key, the draws of patients that were drawn again.
        """
        plan, protocol = self._plan, self._plan.grid.protocol
        about = {
            "name": plan.grid.name,
            "dataset": _source(plan.grid.data),
            "patients_known": plan.dataset.patients_known,
            "locations": list(plan.dataset.locations),
            "within": list(plan.dataset.within),
            "protocol": {
                "folds": len({fold.number for fold in plan.view.folds}),
                "repeats": len({fold.repeat for fold in plan.view.folds}),
                "seed": protocol.seed,
                "stratify": protocol.stratify or plan.grid.targets[0].name,
                "split": "file" if protocol.split not in ("patients", "official") else protocol.split,
                "split_file": Path(protocol.split).name,
                "validation": any(fold.inner is not None for fold in plan.view.folds),
                "complete": protocol.complete,
                "threshold": protocol.threshold,
            },
            "compare": [dataclasses.asdict(family) for family in plan.grid.compare],
            "refit": {"draws": plan.grid.interval.refit, "redrawn": dict(redrawn)},
            "null_within": null[1] if null[0] else self._told().get("null_within"),
            "n_excluded": n_excluded,
            "devices": devices,
        }
        _write_json(self.folder / "run.json", about)

    def _told(self) -> dict[str, Any]:
        path = self.folder / "run.json"
        told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        return told

    def write_cells(self, cells: list[PlannedCell], status: Mapping[str, tuple[str, str]]) -> None:
        """The state of every cell.

        Args:
            cells: All cells of the grid.
            status: From a cell's key to its state and the reason.
        """
        _write_json(self.folder / "cells.json", [self._describe(c, *status[c.key]) for c in cells])

    def write_predictions(self, planned: PlannedCell) -> None:
        """Assembles the predictions of a cell whose fits are all in the store."""
        path = self.predictions_file(planned)
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            table = self._predictions(planned)
            _replace(path, lambda to: table.to_parquet(to, index=False))

    def predictions_file(self, planned: PlannedCell) -> Path:
        """Where a cell's predictions lie; those of a null run or a refit below the key of the real cell."""
        view = planned.view
        if view.kind == "real":
            return self.folder / "cells" / f"{planned.key}.parquet"
        return self.folder / view.kind / self._real[planned.key] / f"{view.number}_{planned.key[:12]}.parquet"

    def name_runs(self, kind: str, planned: list[PlannedCell], real: Mapping[str, str]) -> None:
        """Which real cell each null run or refit is of, by key; predictions of other such runs of them are removed."""
        self._real |= real
        wanted = {self.predictions_file(one) for one in planned}
        for key in set(real.values()):
            for file in self.folder.glob(f"{kind}/{key}/*.parquet"):
                if file not in wanted:
                    file.unlink()

    def write_failure(self, planned: PlannedCell, trace: str) -> None:
        """Keeps a traceback."""
        folder = self.folder / "failures"
        folder.mkdir(exist_ok=True)
        (folder / f"{planned.key}.txt").write_text(trace, encoding="utf-8")

    def keep_artifacts(self, cells: list[PlannedCell]) -> None:
        """Copies what trained encoders and fusions left (learning curves, attention, reconstructions) into the run."""
        known: set[str] = set()
        for planned in cells:
            for fit in planned.fits:
                where = f"repeat{fit.fold.repeat}_fold{fit.fold.number}"
                for crops in {ref.crops.network: ref.crops for each in fit.tokens for ref in each}.values():
                    if crops.fold is not None:
                        points = self._plan.keys.plugin("regions", crops.region).joins_sequences
                        label = crops.region.label() if points else f"{crops.region.label()} {crops.sequence}"
                        known.add(self._copy(self._store.find("regions", crops.network), label, where))
                for ref in (ref for each in fit.tokens for ref in each if ref.fold is not None):
                    of = ref.crops
                    label = f"{ref.encoder.label()} {of.sequence} {of.region.label()} {of.images.label()}"
                    known.add(self._copy(self._store.find("networks", ref.network), label, where))
                if fit.fused is not None:
                    steps = [step for axis, step in planned.cell.steps.items() if axis in _BEFORE_TABLES]
                    label = " ".join([planned.cell.target, *(step.label() for step in steps if step != NONE)])
                    known.add(self._copy(self._store.find("fused", fit.fused.key), label, where))
        for folder in self.folder.glob("artifacts/*"):
            if folder.name not in known:
                shutil.rmtree(folder)

    def _copy(self, folder: Path | None, label: str, where: str) -> str:
        """Tables and small arrays of a store entry; predictions and vectors stay there. Gives the folder's name."""
        name = label.replace("/", "_")
        name = name if len(name) <= LONGEST else f"{name[: LONGEST - 9]} {identity.key(name)[:8]}"
        target = self.folder / "artifacts" / name / where
        mark = target / "made_by.json"
        if folder is None or (mark.exists() and mark.read_bytes() == (folder / mark.name).read_bytes()):
            return name
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        for file in sorted(folder.rglob("*.*")):
            kept = file.suffix == ".csv" or (file.suffix == ".npy" and file.stem not in _NOT_KEPT)
            if kept:
                shutil.copy(file, target / "_".join(file.relative_to(folder).parts))
        shutil.copy(folder / mark.name, mark)
        return name

    def write_fillings(self, cells: list[PlannedCell]) -> None:
        """How good missing steps filled hidden sequences of test rows: `filling.csv`, if any did."""
        import pandas as pd

        found: dict[str, pd.DataFrame] = {}
        for planned in cells:
            axes = {axis: _label(planned.cell[axis]) for axis in ("sequences", "drop", "regions", "images", "missing")}
            for fit in planned.fits:
                folder = self._store.find("fillings", fit.filling) if fit.filling not in found else None
                if fit.filling and folder is not None:
                    where: dict[str, Any] = {"target": planned.cell.target}
                    where |= {"repeat": fit.fold.repeat, "fold": fit.fold.number}
                    table = pd.read_csv(folder / "quality.csv").rename(columns={"encoder": "encoders"})
                    found[fit.filling] = table.assign(**axes | where)
        path = self.folder / "filling.csv"
        if found:
            table = pd.concat(found.values())
            _replace(path, lambda to: table.to_csv(to, index=False))
        else:
            path.unlink(missing_ok=True)

    def write_regions(self, cells: list[PlannedCell]) -> None:
        """How near fitted regions came to what is given of test patients' scans: `regions.csv`, if any are."""
        import pandas as pd

        found: dict[str, pd.DataFrame] = {}
        for planned in cells:
            for fit in planned.fits:
                for crops in (ref.crops for each in fit.tokens for ref in each):
                    folder = self._store.find("qualities", crops.network) if crops.network not in found else None
                    if crops.network and folder is not None:
                        table = pd.read_csv(folder / QUALITY, dtype={"study": str, "patient": str})
                        where: dict[str, Any] = {"regions": crops.region.label(), "sequence": crops.sequence}
                        where |= {"repeat": fit.fold.repeat, "fold": fit.fold.number if crops.fold else -1}
                        found[crops.network] = pd.DataFrame(where, index=table.index).join(table)
        path = self.folder / "regions.csv"
        table = pd.concat(found.values()) if found else pd.DataFrame()
        if len(table):
            _replace(path, lambda to: table.to_csv(to, index=False))
        else:
            path.unlink(missing_ok=True)

    def write_not_found(self, cells: list[PlannedCell]) -> None:
        """The test samples that fitted regions did not find, with the reason: `not_found.csv`, if there are any."""
        import pandas as pd

        known: set[str] = set()
        rows: list[dict[str, Any]] = []
        for planned in cells:
            for fit in planned.fits:
                for ref in (ref.crops for each in fit.tokens for ref in each):
                    if not ref.network or ref.key in known:
                        continue
                    known.add(ref.key)
                    crops, test = self._plan.crops(ref), set(fit.fold.test.nonzero()[0].tolist())
                    where: dict[str, Any] = {"regions": ref.region.label(), "sequence": ref.sequence}
                    where |= {"images": ref.images.label()}
                    where |= {"repeat": fit.fold.repeat, "fold": fit.fold.number if ref.fold else -1}
                    for fault in crops.faults if crops is not None else []:
                        if fault.sample >= 0 and (fault.sample in test or ref.fold is None):
                            rows.append({**where, "sample": self._plan.ids[fault.sample], "reason": fault.why})
        path = self.folder / "not_found.csv"
        if rows:
            _replace(path, lambda to: pd.DataFrame(rows).to_csv(to, index=False))
        else:
            path.unlink(missing_ok=True)

    def write_points(self, cells: list[PlannedCell]) -> None:
        """How near found points of test patients come to the annotated ones: `points.csv`, if any were looked for."""
        import pandas as pd

        found: dict[str, pd.DataFrame] = {}
        for planned in cells:
            for fit in planned.fits:
                for crops in (ref.crops for each in fit.tokens for ref in each):
                    points = self._plan.keys.plugin("regions", crops.region).joins_sequences
                    place = f"{crops.region.label()} {crops.network}"
                    if place in found or not points:
                        continue
                    folder = self._store.find("regions", crops.network)
                    if folder is not None:
                        table = pd.read_csv(folder / POINTS_QUALITY, dtype={"sample": str}).set_index("sample")
                        where: dict[str, Any] = {"regions": crops.region.label()}
                        where |= {"repeat": fit.fold.repeat, "fold": fit.fold.number if crops.fold else -1}
                        places = self._plan.samples[["patient", *self._plan.dataset.locations]]
                        table = places.join(table, how="right")
                        found[place] = pd.DataFrame(where, index=table.index).join(table)
        path = self.folder / "points.csv"
        if found:
            _replace(path, lambda to: pd.concat(found.values()).to_csv(to, index_label="sample"))
        else:
            path.unlink(missing_ok=True)

    def sweep(self, cells: list[PlannedCell], refitted: Collection[str]) -> None:
        """Removes predictions of cells that the grid no longer has, or no longer refits; the store keeps their fits."""
        known = {planned.key for planned in cells}
        for file in self.folder.glob("cells/*.parquet"):
            if file.stem not in known:
                file.unlink()
        for kind, kept in (("null", known), ("refit", refitted)):
            for folder in self.folder.glob(f"{kind}/*"):
                if folder.name not in kept:
                    shutil.rmtree(folder)

    def add_session(self, session: dict[str, Any]) -> None:
        """Adds what one start of the run took, and on what, to `provenance.json`."""
        path = self.folder / "provenance.json"
        sessions = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
        _write_json(path, [*sessions, session])

    def devices(self) -> list[str]:
        """The devices that earlier starts used."""
        path = self.folder / "provenance.json"
        sessions = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
        return list(dict.fromkeys(session["device"] for session in sessions))

    def _describe(self, planned: PlannedCell, status: str, reason: str) -> dict[str, Any]:
        cell, one = planned.cell, planned.view.labels[planned.cell.target]
        head = self._plan.keys.plugin("heads", cell["heads"])
        return {
            "key": planned.key,
            "axes": {axis: _label(cell[axis]) for axis in AXES},
            "target": cell.target,
            "classes": list(one.classes),
            "ordinal": one.target.ordinal,
            "status": status,
            "reason": reason,
            "tuned": bool(head.tune),
            "seconds": self._seconds(planned) if status == "done" else None,
            "floor": head.features not in ("all", "own") or cell["heads"].name in FLOORS,
        }

    def _seconds(self, planned: PlannedCell) -> float:
        total = 0.0
        for fit in planned.fits:
            folder = self._store.find("fits", fit.key)
            if folder is not None:
                total += float(json.loads((folder / "made_by.json").read_text(encoding="utf-8"))["seconds"])
        return round(total, 3)

    def _predictions(self, planned: PlannedCell) -> pd.DataFrame:
        import pandas as pd

        y = planned.view.labels[planned.cell.target].y
        tables = []
        for fit in planned.fits:
            folder = self._store.find("fits", fit.key)
            if folder is None:
                raise FileNotFoundError(f"a fit of cell {planned.key} is no longer in the store: run again")
            p = np.load(folder / "probabilities.npy")
            recalibrated, threshold = folder / "recalibrated.npy", folder / "threshold.npy"
            table: dict[str, Any] = {
                "sample": self._plan.ids[fit.rows.test],
                "patient": self._plan.patients[fit.rows.test],
            }
            table |= {"repeat": fit.fold.repeat, "fold": fit.fold.number, "y": y[fit.rows.test]}
            table |= {f"p_{k}": p[:, k] for k in range(p.shape[1])}
            if threshold.exists():
                table["threshold"] = np.load(threshold)
            if recalibrated.exists():
                table |= {f"recalibrated_{k}": column for k, column in enumerate(np.load(recalibrated).T)}
            tables.append(pd.DataFrame(table))
        return pd.concat(tables, ignore_index=True)


def _source(data: Step) -> str:
    """The dataset as a caption names it: its name and what it was read from."""
    path = next((str(value) for _, value in data.fields if isinstance(value, str) and "/" in value), "")
    return f"{data.name} ({Path(path).name})" if path else data.name


def _label(step: Step) -> str:
    return "none" if step == NONE else step.label()


def _write_json(path: Path, content: Any) -> None:
    _replace(path, lambda to: to.write_text(json.dumps(content, indent=1), encoding="utf-8"))


def _replace(path: Path, write: Any) -> None:
    """Writes under another name and renames, so that a reader sees a whole file; leaves alone what stays the same."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    write(draft)
    if path.exists() and path.read_bytes() == draft.read_bytes():
        draft.unlink()
    else:
        draft.replace(path)
