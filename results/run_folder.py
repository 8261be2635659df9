"""Reads a run folder: its cells, its protocol, and the predictions of every cell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from data.files.whole import checked
from results import ResultsError as ResultsError
from results.json_files import read_json
from results.predictions import AGAIN, Samples, read_predictions
from results.predictions import Predictions as Predictions
from results.run_records import CellRecord, RunRecord, no_run, read_cells
from results.run_sums import check_run_files
from results.run_tables import SAMPLES, read_samples


@dataclass(frozen=True)
class AxisWords:
    """What one axis of the grid is called.

    Args:
        name: As tables name it.
        noun: One step of it.
        plural: Several steps of it.
        meaning: What it is, in one or two short sentences.
        unused: The sentence of a methods section where every cell has `none` on it; empty for no sentence.
    """

    name: str
    noun: str
    plural: str
    meaning: str
    unused: str = ""


@dataclass(frozen=True)
class RunCell:
    """One cell of the grid with one target.

    Args:
        key: Names its files.
        axes: The label of its step on each axis.
        target: The target that it predicts.
        classes: The labels of the target, in order.
        ordinal: Whether their order means something.
        status: `done`, `failed`, `refused` or `to do`.
        reason: Why it failed or was refused.
        tuned: Whether its head was tuned.
        seconds: The computing time of its fits.
        floor: Whether it is a floor: its head sees nothing of the scans, or small pixels alone.
        reads: What its head reads: `embedding`, `own probabilities`, `pixels`, `locations`, `clinical`, `presence` or
            `nothing`.
        number: Its number in the run folder, by which tables and commands name it; 0 for none.
    """

    key: str
    axes: dict[str, str]
    target: str
    classes: tuple[str, ...]
    ordinal: bool = False
    status: str = "done"
    reason: str = ""
    tuned: bool = False
    seconds: float = float("nan")
    floor: bool = False
    reads: str = "embedding"
    number: int = 0

    @property
    def head(self) -> str:
        """The name of the head, without its fields."""
        return head_name(self.axes.get("heads", ""))


@dataclass(frozen=True, eq=False)
class Run:
    """A run folder, as the engine wrote it.

    Args:
        folder: Its path.
        name: The name of the run.
        dataset: The label of the dataset.
        patients_known: False where the source gives no patient ids.
        locations: The columns of `samples.parquet` that locate a sample in the body.
        clinical: The columns that describe the patient or the scan.
        within_columns: Those of them inside of which "AUC within" compares samples.
        protocol: `folds`, `repeats`, `seed`, `stratify`, `split`, `split_file`, `validation`, `complete`.
        n_excluded: The number of rows in `excluded.csv`.
        devices: The devices that computed it.
        cells: All cells, done or not.
        merged: For each target with merged classes the labels that count as others.
        null_within: The column within which labels were permuted for null runs.
        compare: The declared families: `family`, `against`, `metric`, `margin` each, and `cells_before`, how many
            cells had been scored when the grid first had it.
        refit_draws: How many draws of patients the grid asks for, of the cells that it refits.
        redrawn: Of each cell that was refitted on drawn patients, by key, how many draws were drawn again.
        floors: The floors that every grid has: the name of the head, and what it reads (as `RunCell.reads`).
        axis_words: What each axis is called, by its name, in the order of the grid.
    """

    folder: Path
    name: str
    dataset: str
    patients_known: bool
    locations: tuple[str, ...]
    clinical: tuple[str, ...]
    protocol: dict[str, Any]
    n_excluded: int
    devices: tuple[str, ...]
    cells: tuple[RunCell, ...]
    within_columns: tuple[str, ...] = ()
    null_within: str | None = None
    merged: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    compare: tuple[dict[str, Any], ...] = ()
    refit_draws: int = 0
    redrawn: Mapping[str, int] = field(default_factory=dict)
    floors: Mapping[str, str] = field(default_factory=dict)
    axis_words: Mapping[str, AxisWords] = field(default_factory=dict)

    @property
    def targets(self) -> list[str]:
        """The targets, in the order of the cells."""
        return list(dict.fromkeys(cell.target for cell in self.cells))

    @property
    def axes(self) -> list[str]:
        """The axes of the grid, in its order."""
        return list(dict.fromkeys(axis for cell in self.cells for axis in cell.axes))

    def predictions(self, cell: RunCell) -> Predictions:
        """The predictions of a cell that is done.

        Raises:
            ResultsError: The file is missing or broken.
            SumsError: It was changed after the run.
        """
        path = self.folder / "cells" / f"{cell.key}.parquet"
        check_run_files(self.folder, f"cells/{path.name}")
        found = read_predictions(path, len(cell.classes))
        if self._samples is not None:
            why = self._samples.fault(found, cell.target, cell.classes, self.merged.get(cell.target, {}))
            if why:
                raise ResultsError(f"{path}: {why}: {AGAIN}")
        return found

    def null(self, cell: RunCell) -> Iterator[Predictions]:
        """The predictions of a cell's runs on permuted labels, if there are any."""
        check_run_files(self.folder, f"null/{cell.key}")
        for path in sorted(self.folder.glob(f"null/{cell.key}/*.parquet")):
            yield read_predictions(path, len(cell.classes))

    def refits(self, cell: RunCell) -> Iterator[Predictions]:
        """The predictions of a cell's refits on drawn patients; a patient drawn twice has every sample twice."""
        check_run_files(self.folder, f"refit/{cell.key}")
        for path in sorted(self.folder.glob(f"refit/{cell.key}/*.parquet")):
            yield read_predictions(path, len(cell.classes), once=False)

    @property
    def unit(self) -> str:
        """What folds are made of: `patient`, or `sample` where the source gives no patient ids."""
        return "patient" if self.patients_known else "sample"

    @property
    def crossed(self) -> bool:
        """Whether there are several test parts, so that models learn from patients whom others test."""
        return self.protocol.get("split") not in ("official", "external")

    @property
    def held_out(self) -> str:
        """The training patients that a fit holds out to tune, calibrate or choose a threshold."""
        validation = self.protocol.get("split") == "official" and self.protocol.get("validation", True)
        return "the validation part" if validation else "inner folds"

    @property
    def auc_label(self) -> str:
        """The AUC in figures: it compares samples of the same fold, where there are several."""
        return "AUC (fold-wise)" if self.crossed else "AUC"

    @property
    def compares(self) -> str:
        """What an AUC compares, as a sentence with a blank before it; empty where one part is tested."""
        return " AUC compares samples of the same fold." if self.crossed else ""

    @property
    def location(self) -> str:
        """The name of the floor that gains are over: the one that reads the columns which locate a sample."""
        return self._floor("locations")

    @property
    def pixels(self) -> str:
        """The name of the floor that reads small pixels of the crop."""
        return self._floor("pixels")

    def _floor(self, what: str) -> str:
        return next((name for name, reads in self.floors.items() if reads == what), "")

    @cached_property
    def _samples(self) -> Samples | None:
        """The samples of the run, indexed by their names; None if the folder has none."""
        return Samples(read_samples(self.folder)) if (self.folder / SAMPLES).exists() else None

    @cached_property
    def patients(self) -> tuple[str, ...] | None:
        """The patients of the run; None if the folder has no table of samples."""
        return None if self._samples is None else self._samples.patients

    def test_to_train(self, target: str) -> float | None:
        """The patients that a fit is tested on over those that it learns from.

        None with cross-validation, where the folds tell. 0 in an external test, which is of models that were fitted
        elsewhere.
        """
        split = self.protocol.get("split")
        if split == "external":
            return 0.0
        if split != "official" or self._samples is None:
            return None
        done = [cell for cell in self.cells if cell.target == target and cell.status == "done"]
        tested = set().union(*(self.predictions(cell).patient for cell in done))
        learnt = self._samples.labelled(target) - tested
        return len(tested) / max(1, len(learnt))

    @cached_property
    def within(self) -> str:
        """The name of the place inside of which "AUC within" compares samples: its column, or `place` for several."""
        return self.within_columns[0] if len(self.within_columns) == 1 else "place" if self.within_columns else ""

    @cached_property
    def places(self) -> dict[str, str]:
        """The place of each sample, by the columns of `within`; empty without locating columns."""
        if not self.within_columns:
            return {}
        import pyarrow.parquet as pq

        path, columns = self.folder / "samples.parquet", self.within_columns
        try:
            table = pq.read_table(path, columns=["sample", *columns]).to_pydict()
            # A blank inside a value becomes a no-break space, so that two places never have one name.
            parts = zip(*([str(v).replace(" ", "\u00a0") for v in table[column]] for column in columns), strict=True)
            return dict(zip(map(str, table["sample"]), map(" ".join, parts), strict=True))
        except (OSError, KeyError, ValueError) as error:
            raise ResultsError(f"{path} must hold the columns sample, {', '.join(columns)}: {error}") from error


def head_name(label: str) -> str:
    """The name of a head, from its label."""
    return label.split("(")[0]


def read(folder: Path) -> Run:
    """Opens a run folder. Predictions are read later, when they are needed.

    Raises:
        ResultsError: It is no run folder, or none of its cells is done.
        SumsError: One of its files was changed after the run.
    """
    folder = checked(Path(folder))
    check_run_files(folder)
    try:
        about = read_json(folder / "run.json", dict[str, Any])
        if "floors" not in about:
            raise ResultsError(f"{folder} was written by an earlier version: run the grid again (what is done is kept)")
        run = read_json(folder / "run.json", RunRecord)
        cells = read_cells(folder)
    except FileNotFoundError as error:
        raise ResultsError(no_run(folder, Path(error.filename).name)) from None
    if not any(cell.status == "done" for cell in cells):
        why = next((f"; {cell.status}: {cell.reason}" for cell in cells if cell.reason), "")
        raise ResultsError(f"{folder}: none of its {len(cells)} cells is done yet{why}")
    return Run(
        folder=folder,
        name=run.name,
        dataset=run.dataset,
        patients_known=run.patients_known,
        locations=tuple(run.locations),
        clinical=tuple(run.clinical),
        within_columns=tuple(run.locations if run.within is None else run.within),
        protocol=about["protocol"],
        n_excluded=run.n_excluded,
        devices=tuple(run.devices),
        null_within=run.null_within,
        compare=tuple(run.compare),
        refit_draws=run.refit.draws,
        redrawn=run.refit.redrawn,
        floors=run.floors,
        merged=run.merged,
        axis_words={axis.name: AxisWords(**dict(axis)) for axis in run.axes},
        cells=tuple(_cell(one) for one in cells),
    )


def _cell(record: CellRecord) -> RunCell:
    seconds = float("nan") if record.seconds is None else record.seconds
    return RunCell(**dict(record) | {"classes": tuple(map(str, record.classes)), "seconds": seconds})
