"""Reads a run folder: its cells, its protocol, and the predictions of every cell."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from results import ResultsError as ResultsError
from results.statistics.metrics.base import Metric, OfCounts

Int64 = NDArray[np.int64]
Strings = NDArray[np.object_]


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

    @property
    def head(self) -> str:
        """The name of the head, without its fields."""
        return head_name(self.axes.get("heads", ""))


@dataclass(frozen=True, eq=False)
class Predictions:
    """The predictions of one cell for samples that it was not fitted on.

    Args:
        sample: `(n,)` str; each sample occurs once in every repeat.
        patient: `(n,)` str.
        repeat: `(n,)` int64.
        fold: `(n,)` int64, counted anew in every repeat.
        y: `(n,)` int64 class indices.
        P: `(n, K)` float64 probabilities.
        called: `(n,)` int64: the predicted class of each row, by a threshold or by weights of the classes; None: the
            most probable class.
        recalibrated: `(n, K)` float64: the probabilities of a fit on balanced rows, recalibrated on real rows; None
            where rows were not balanced, or where a fold had too few patients to recalibrate.
    """

    sample: Strings
    patient: Strings
    repeat: Int64
    fold: Int64
    y: Int64
    P: NDArray[np.float64]
    called: Int64 | None = None
    recalibrated: NDArray[np.float64] | None = None

    def take(self, rows: NDArray[Any]) -> Predictions:
        """Some rows, by position or by mask."""
        given = {one.name: getattr(self, one.name) for one in fields(self)}
        return replace(self, **{name: values[rows] for name, values in given.items() if values is not None})

    def scored_by(self, metric: Metric) -> NDArray[np.float64]:
        """`(n, K)` float64: the probabilities that a metric takes.

        If classes are called at a threshold, metrics of counts get 1 for the called class and 0 for the others.
        """
        if self.called is None or not isinstance(metric, OfCounts):
            return self.P
        return np.eye(self.P.shape[1])[self.called]


@dataclass(frozen=True, eq=False)
class Run:
    """A run folder, as the engine wrote it.

    Args:
        folder: Its path.
        name: The name of the run.
        dataset: The label of the dataset.
        patients_known: False where the source gives no patient ids.
        locations: The columns of `samples.parquet` that locate a sample in the body.
        within_columns: Those of them inside of which "AUC within" compares samples.
        protocol: `folds`, `repeats`, `seed`, `stratify`, `split`, `split_file`, `validation`, `complete`.
        n_excluded: The number of rows in `excluded.csv`.
        devices: The devices that computed it.
        cells: All cells, done or not.
        merged: For each target with merged classes the labels that count as others.
        null_within: The column within which labels were permuted for null runs.
        compare: The declared families: `family`, `against`, `metric`, `margin` each.
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
        """
        return _read_predictions(self.folder / "cells" / f"{cell.key}.parquet", len(cell.classes))

    def null(self, cell: RunCell) -> Iterator[Predictions]:
        """The predictions of a cell's runs on permuted labels, if there are any."""
        for path in sorted(self.folder.glob(f"null/{cell.key}/*.parquet")):
            yield _read_predictions(path, len(cell.classes))

    def refits(self, cell: RunCell) -> Iterator[Predictions]:
        """The predictions of a cell's refits on drawn patients; a patient drawn twice has every sample twice."""
        for path in sorted(self.folder.glob(f"refit/{cell.key}/*.parquet")):
            yield _read_predictions(path, len(cell.classes))

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
    def within(self) -> str:
        """The name of the place inside of which "AUC within" compares samples: `level`, or `side x condition`."""
        return " x ".join(self.within_columns)

    @cached_property
    def places(self) -> dict[str, str]:
        """The place of each sample, by the columns of `within`; empty without locating columns."""
        if not self.within_columns:
            return {}
        import pyarrow.parquet as pq

        path, columns = self.folder / "samples.parquet", self.within_columns
        try:
            table = pq.read_table(path, columns=["sample", *columns]).to_pydict()
            places = zip(*(table[column] for column in columns), strict=True)
            return {str(s): " ".join(map(str, place)) for s, place in zip(table["sample"], places, strict=True)}
        except (OSError, KeyError, ValueError) as error:
            raise ResultsError(f"{path} must hold the columns sample, {', '.join(columns)}: {error}") from error


def head_name(label: str) -> str:
    """The name of a head, from its label."""
    return label.split("(")[0]


def read(folder: Path) -> Run:
    """Opens a run folder. Predictions are read later, when they are needed.

    Raises:
        ResultsError: It is no run folder, or none of its cells is done.
    """
    folder = Path(folder)
    try:
        run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        cells = json.loads((folder / "cells.json").read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ResultsError(f"{folder} is no run folder: it has no {Path(error.filename).name}") from None
    except (ValueError, NotADirectoryError) as error:
        raise ResultsError(f"{folder} is no run folder: {error}") from None
    if not isinstance(run, dict) or not isinstance(cells, list):
        raise ResultsError(f"{folder} is no run folder: run.json or cells.json does not describe a run")
    if "floors" not in run:
        raise ResultsError(f"{folder} was written by an earlier version: run the grid again (what is done is kept)")
    if not any(cell["status"] == "done" for cell in cells):
        why = next((f"; {c['status']}: {c['reason']}" for c in cells if c.get("reason")), "")
        raise ResultsError(f"{folder}: none of its {len(cells)} cells is done yet{why}")
    known = RunCell.__dataclass_fields__
    return Run(
        folder=folder,
        name=run["name"],
        dataset=run["dataset"],
        patients_known=run["patients_known"],
        locations=tuple(run["locations"]),
        within_columns=tuple(run.get("within", run["locations"][-1:])),
        protocol=run["protocol"],
        n_excluded=run["n_excluded"],
        devices=tuple(run["devices"]),
        null_within=run.get("null_within"),
        compare=tuple(run.get("compare", ())),
        refit_draws=int(run.get("refit", {}).get("draws", 0)),
        redrawn=run.get("refit", {}).get("redrawn", {}),
        floors=run["floors"],
        merged=run.get("merged", {}),
        axis_words={axis["name"]: AxisWords(**axis) for axis in run.get("axes", ())},
        cells=tuple(
            RunCell(**{k: v for k, v in cell.items() if k in known} | {"classes": tuple(map(str, cell["classes"]))})
            for cell in cells
        ),
    )


def _read_predictions(path: Path, n_classes: int) -> Predictions:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(path).read(use_threads=False)
        text = {name: table[name].to_numpy().astype(object) for name in ("sample", "patient")}
        whole = {name: table[name].to_numpy().astype(np.int64) for name in ("repeat", "fold", "y")}
        P = np.column_stack([table[f"p_{k}"].to_numpy() for k in range(n_classes)]).astype(np.float64)
    except FileNotFoundError:
        raise ResultsError(f"{path} is missing though its cell is done: run the grid again") from None
    except (pa.ArrowException, KeyError) as error:
        raise ResultsError(f"{path} holds no predictions of {n_classes} classes: {error}") from error
    if len(P) == 0 or not np.isfinite(P).all() or whole["y"].min() < 0 or whole["y"].max() >= n_classes:
        raise ResultsError(
            f"{path}: must hold finite probabilities and y from 0 to {n_classes - 1}: delete it, run again"
        )
    again = [f"recalibrated_{k}" for k in range(n_classes)]
    recalibrated, called = None, None
    if again[0] in table.column_names:
        recalibrated = np.column_stack([table[name].to_numpy() for name in again])
        recalibrated = recalibrated if np.isfinite(recalibrated).all() else None
    if "called" in table.column_names:
        called = table["called"].to_numpy().astype(np.int64)
    return Predictions(**text, **whole, P=P, called=called, recalibrated=recalibrated)
