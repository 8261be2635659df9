"""Scores of a model on a dataset with labels, with the floors of its training rows, in the layout of a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.grid.grid import reads
from bench.models.floors import by_columns, by_place
from bench.models.model import FittedCell, Model
from bench.models.new_data import NewData, NewLabels
from bench.models.records import CrossValidated
from bench.plan import identity
from bench.plan.known import kept_note
from bench.plugins import load
from bench.run.ledger import note_use
from bench.run.scored import external_protocol, write_scored
from bench.stages.chain import Chain
from data.base import Float64, Int64
from preprocessing.regions.base import FixedRegion
from results.json_files import read_json
from results.methods.model_card import SCORES

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class CellOutcome:
    """What a cell of a model made of a dataset.

    Args:
        cell: The cell.
        table: Its predictions, see `bench.models.predict`.
        floors: The predictions of its floors that read pixels, by name.
        labels: The labels of its target; None where the dataset has none.
    """

    cell: FittedCell
    table: pd.DataFrame
    floors: Mapping[str, pd.DataFrame]
    labels: NewLabels | None

    @property
    def unlabelled(self) -> bool:
        """Whether no sample has a label."""
        return self.labels is None or self.labels.empty


def write_scores(
    folder: Path,
    model: Model,
    place: Path,
    new: NewData,
    source: str,
    outcomes: Sequence[CellOutcome],
    *,
    n_excluded: int,
    store: Path,
    device: str,
) -> bool:
    """Writes the scores of all cells, and notes the use of the dataset in the ledger; False if no sample has a score.

    A sample of a fitted region that was not found counts with the shares of the classes in training, as in
    cross-validation; a sample without a scan, or without a crop of a fixed region, does not count.

    Args:
        folder: A new folder.
        model: The model.
        place: Its folder.
        new: The dataset.
        source: The dataset, as captions name it.
        outcomes: What each cell made of the dataset.
        n_excluded: The number of rows of `excluded.csv`.
        store: The folder of the store, which keeps the ledger.
        device: Where the model computed.
    """
    known: CrossValidated = {}
    if (place / SCORES).is_file():
        known = read_json(place / SCORES, CrossValidated, out="fit the model again")
    found = _ScoredCells()
    for one in outcomes:
        found.add(one, new, known)
    if not found.cells:
        return False
    scans = {digest for study in found.studies for digest in new.scans[study]}
    own = [cell["key"] for cell in found.cells if not cell["floor"]]
    uses = note_use(store, scans, own, f"model of run {model.about['run']}", source)
    write_scored(
        folder,
        name=f"{model.about['run']} (fitted)",
        source=source,
        dataset=new.dataset,
        samples=new.samples,
        cells=found.cells,
        predictions=found.predictions,
        merged={one.cell.about["target"]: one.cell.about["merge"] for one in outcomes if one.cell.about["merge"]},
        external=external_protocol(
            fitted_on=model.about["source"],
            patients={str(cell.about["key"]): int(cell.about["n_patients"]) for cell in model.cells},
            uses=(uses.before, uses.overlapping),
            left_out=len(new.left_out.patients),
            kept_alike=len(new.kept_alike),
            compared_ids=new.compared_ids,
            notes=found.notes,
            cross_validated=found.cross,
        ),
        n_excluded=n_excluded,
        seed=model.about["seed"],
        device=device,
    )
    return True


@dataclass
class _ScoredCells:
    """The cells of a model and their floors that have scores on a new dataset.

    Args:
        cells: Their descriptions.
        predictions: What each predicts, by key.
        notes: Of each target.
        cross: The AUC of each in cross-validation, by key, as far as it is known.
        studies: The studies that are scored.
    """

    cells: list[dict[str, Any]] = field(default_factory=list)
    predictions: dict[str, pd.DataFrame] = field(default_factory=dict)
    notes: dict[str, list[str]] = field(default_factory=dict)
    cross: dict[str, Any] = field(default_factory=dict)
    studies: set[str] = field(default_factory=set)

    def add(self, one: CellOutcome, new: NewData, known: CrossValidated) -> None:
        """Adds a cell and its floors; nothing where no labelled sample has a prediction."""
        cell, table, labels = one.cell, one.table, one.labels
        if labels is None or labels.empty or (rows := _scored(cell, new, table, labels)).empty:
            return
        target, key = cell.about["target"], str(cell.about["key"])
        kept = kept_note(new.kept_alike, named=False)
        self.notes[target] = [*labels.notes, *_not_found(cell, table, rows), *new.notes, *kept]
        crossed = known.get(target, {})
        self._note(_described(cell, key), rows, crossed, "")
        for floor, (P, called) in _floors(cell, new, rows, one.floors, self.notes[target]):
            plain = rows[["sample", "patient", "repeat", "fold", "y"]]
            predicted = plain.assign(**{f"p_{k}": column for k, column in enumerate(P.T)}, called=called)
            described = _described(cell, f"{key[:16]}{identity.key(floor)[:16]}", floor)
            self._note(described, predicted, crossed, floor)
        self.studies |= set(new.samples.loc[rows["sample"], "study"].astype(str))

    def _note(self, cell: dict[str, Any], rows: pd.DataFrame, crossed: Mapping[str, Any], name: str) -> None:
        """Notes one description with its predictions; `name` is that of a floor, or empty."""
        self.cells.append(cell)
        self.predictions[cell["key"]] = rows
        self.cross |= {cell["key"]: crossed[name].auc} if name in crossed else {}


def _scored(cell: FittedCell, new: NewData, table: pd.DataFrame, labels: NewLabels) -> pd.DataFrame:
    """The predictions that are scored, as a run keeps them."""
    fixed = all(isinstance(region, FixedRegion) for region in cell.regions.values())
    counts = (table["reason"] == "") | (table["has_scan"] & (not fixed))
    y = labels.y[new.samples.index.get_indexer(table.index)]
    rows = table.loc[counts & (y >= 0)]
    about = {"patient": new.samples.loc[rows.index, "patient"].astype(str), "repeat": 0, "fold": 0}
    kept = rows[[c for c in rows if str(c).startswith(("p_", "recalibrated_")) or c == "called"]]
    return kept.assign(**about, y=y[(counts & (y >= 0)).to_numpy()]).rename_axis("sample").reset_index()


def _not_found(cell: FittedCell, table: pd.DataFrame, rows: pd.DataFrame) -> Iterator[str]:
    """What became of the samples without a crop."""
    n = int((table.loc[rows["sample"], "reason"] != "").sum())
    if n:
        yield (
            f"{n} of the {len(rows)} scored samples were not found in their scans: they count with the shares of the "
            "classes in training, as in cross-validation."
        )
    without = int((table["reason"] != "").sum()) - n
    if without:
        whom = "1 sample without a crop is" if without == 1 else f"{without} samples without a crop are"
        yield f"{whom} not scored; predictions.csv gives the reasons."


def _floors(
    cell: FittedCell, new: NewData, rows: pd.DataFrame, pixels: Mapping[str, pd.DataFrame], notes: list[str]
) -> Iterator[tuple[str, tuple[Float64, Int64]]]:
    """The probabilities and called classes of each floor for the scored rows; a floor that can't be had gets a note."""
    samples = new.samples.loc[rows["sample"]]
    for name, about in cell.about["floors"].items():
        if name in pixels:
            table = pixels[name].loc[rows["sample"]]
            P = table[[f"p_{k}" for k in range(len(cell.about["classes"]))]].to_numpy(dtype=np.float64)
            yield name, (P, table["called"].to_numpy(dtype=np.int64))
            continue
        if lacking := [column for column in about["columns"] if column not in samples]:
            notes.append(f"There is no floor {name}: the dataset lacks {', '.join(lacking)}.")
            continue
        fitted = cell.floors.get(name)
        if isinstance(fitted, Chain):
            yield name, by_columns(fitted, samples[about["columns"]])
        else:
            yield name, by_place(about, samples)


def _described(cell: FittedCell, key: str, floor: str = "") -> dict[str, Any]:
    """A cell, or one of its floors, as `cells.json` describes it."""
    about = cell.about
    step = about["steps"]["heads"][0]
    head = load("heads", floor) if floor else load("heads", step["name"], **step["fields"])
    return {
        "key": key,
        "axes": about["floors"][floor]["axes"] if floor else about["axes"],
        "target": about["target"],
        "classes": about["classes"],
        "ordinal": about["ordinal"],
        "status": "done",
        "reason": "",
        "tuned": bool(head.tune) if floor else bool(about.get("tuned", "tune=" in about["axes"]["heads"])),
        "seconds": 0.0,
        "floor": bool(floor),
        "reads": reads(head),
        "threshold": about["threshold"],
    }
