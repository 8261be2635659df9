"""The cells of a run in its folder: their states, predictions and failures."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.grid.grid import reads
from bench.plan.cell_numbers import cell_numbers, keep_former
from bench.plan.plan import Plan
from bench.plan.references import PlannedCell
from bench.run.files import replace_file, write_json
from bench.tasks.store import Store
from data.files.whole import replace_text

if TYPE_CHECKING:
    import pandas as pd

_KEY, _PART = re.compile("[0-9a-f]{32}"), re.compile(r"\d+_[0-9a-f]{12}")  # the names that a run gives; others stay


class Record:
    """The cells of one run.

    Args:
        folder: The run folder.
        plan: The plan of the run.
        store: The store, which holds the fits.
        numbers: The number of each cell by its key; if none are given, those of the run folder count.
    """

    def __init__(self, folder: Path, plan: Plan, store: Store, numbers: Mapping[str, int] | None = None) -> None:
        self.folder = folder
        self._given = numbers
        self._plan = plan
        self._store = store
        self._real: dict[str, str] = {}
        self._took: dict[str, float] = {}

    def write_cells(self, cells: list[PlannedCell], status: Mapping[str, tuple[str, str]]) -> None:
        """Writes the state of every cell.

        Args:
            cells: All cells of the grid.
            status: From a cell's key to its state and the reason.
        """
        numbers = self.numbers(cells)
        write_json(
            self.folder / "cells.json",
            [{"number": numbers[c.key]} | self._describe(c, *status[c.key]) for c in cells],
        )

    def numbers(self, cells: list[PlannedCell]) -> Mapping[str, int]:
        """The number of each cell by its key; those of cells that left the grid are kept in the folder."""
        if self._given is None:
            self._given = cell_numbers(self.folder, cells)
            keep_former(self.folder, cells)
        return self._given

    def write_predictions(self, planned: PlannedCell) -> bool:
        """Assembles the predictions of a cell whose fits are all in the store; False if one of these was damaged."""
        path = self.predictions_file(planned)
        if path.exists():
            self._forget_failure(planned)
            return True
        table = self._predictions(planned)
        if table is None:
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, lambda to: table.to_parquet(to, index=False, write_page_checksum=True))
        self._forget_failure(planned)
        return True

    def predictions_file(self, planned: PlannedCell) -> Path:
        """The file of a cell's predictions; that of a null run or a refit lies below the key of the real cell."""
        view = planned.view
        if view.kind == "real":
            return self.folder / "cells" / f"{planned.key}.parquet"
        return self.folder / view.kind / self._real[planned.key] / f"{view.number}_{planned.key[:12]}.parquet"

    def name_runs(self, kind: str, planned: list[PlannedCell], real: Mapping[str, str]) -> None:
        """Notes the real cell of each null run or refit, by key; removes predictions of their earlier such runs."""
        self._real |= real
        wanted = {self.predictions_file(one) for one in planned}
        for key in set(real.values()):
            for file in self.folder.glob(f"{kind}/{key}/*.parquet"):
                if file not in wanted and _PART.fullmatch(file.stem):
                    file.unlink()

    def made_with(self, cells: list[PlannedCell]) -> tuple[str, dict[str, str]]:
        """The devices and the versions that the stored fits of some cells name; `unknown` where they name no device."""
        devices: dict[str, None] = {}
        versions: dict[str, dict[str, None]] = {}
        for note in (note for planned in cells for note in self._made_by(planned)):
            devices[note.get("device", "unknown")] = None
            for name, version in note["versions"].items():
                versions.setdefault(name, {})[version] = None
        return ", ".join(devices), {name: ", ".join(found) for name, found in versions.items()}

    def write_failure(self, planned: PlannedCell, trace: str) -> None:
        """Keeps a traceback."""
        folder = self.folder / "failures"
        folder.mkdir(exist_ok=True)
        replace_text(folder / f"{planned.key}.txt", trace)

    def _forget_failure(self, planned: PlannedCell) -> None:
        """Removes the traceback of a cell that failed before and is done now."""
        folder = self.folder / "failures"
        if folder.is_dir():
            (folder / f"{planned.key}.txt").unlink(missing_ok=True)
            with suppress(OSError):  # it holds others
                folder.rmdir()

    def sweep(self, cells: list[PlannedCell], refitted: Collection[str]) -> None:
        """Removes predictions of cells that the grid no longer has, or no longer refits; the store keeps their fits."""
        known = {planned.key for planned in cells}
        for file in self.folder.glob("cells/*.parquet"):
            if file.stem not in known and _KEY.fullmatch(file.stem):
                file.unlink()
        for kind, kept in (("null", known), ("refit", refitted)):
            for folder in self.folder.glob(f"{kind}/*"):
                if folder.name not in kept and _KEY.fullmatch(folder.name):
                    for file in folder.glob("*.parquet"):
                        if _PART.fullmatch(file.stem):
                            file.unlink()
                    with suppress(OSError):  # others put something there
                        folder.rmdir()

    def _describe(self, planned: PlannedCell, status: str, reason: str) -> dict[str, Any]:
        cell, one = planned.cell, planned.view.labels[planned.cell.target]
        head = self._plan.keys.plugin("heads", cell["heads"])
        return {
            "key": planned.key,
            "axes": cell.shown(),
            "target": cell.target,
            "classes": list(one.classes),
            "ordinal": one.target.ordinal,
            "status": status,
            "reason": reason,
            "tuned": bool(head.tune),
            "seconds": self._seconds(planned) if status == "done" else None,
            "floor": head.is_floor(),
            "reads": reads(head),
        }

    def _seconds(self, planned: PlannedCell) -> float:
        """The computing time of a cell that is done, read once from the store."""
        if planned.key not in self._took:
            self._took[planned.key] = round(sum(float(one["seconds"]) for one in self._made_by(planned)), 3)
        return self._took[planned.key]

    def _made_by(self, planned: PlannedCell) -> list[dict[str, Any]]:
        """The notes of a cell's fits in the store."""
        return [note for fit in planned.fits if (note := self._store.note("fits", fit.key)) is not None]

    def _predictions(self, planned: PlannedCell) -> pd.DataFrame | None:
        import pandas as pd

        y = planned.view.labels[planned.cell.target].y
        tables = []
        for fit in planned.fits:
            folder = self._store.find("fits", fit.key)
            if folder is None:
                return None
            p = np.load(folder / "probabilities.npy")
            recalibrated, called = folder / "recalibrated.npy", folder / "called.npy"
            table: dict[str, Any] = {
                "sample": self._plan.ids[fit.rows.test],
                "patient": self._plan.patients[fit.rows.test],
            }
            table |= {"repeat": fit.fold.repeat, "fold": fit.fold.number, "y": y[fit.rows.test]}
            table |= {f"p_{k}": p[:, k] for k in range(p.shape[1])}
            if called.exists():
                table["called"] = np.load(called)
            if recalibrated.exists():
                table |= {f"recalibrated_{k}": column for k, column in enumerate(np.load(recalibrated).T)}
            tables.append(pd.DataFrame(table))
        return pd.concat(tables, ignore_index=True)
