"""Lets a model predict a dataset, and scores it where the dataset has labels."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.api.errors import check_choice, check_number
from bench.api.grids import DEVICES, STORE
from bench.api.plug_ins import add_folder
from bench.api.results import Results
from bench.api.threads import one_thread

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class PredictedDataset:
    """What a model made of a dataset; printed, it is what the command `predict` prints.

    Args:
        folder: The folder with all files.
        table: A row for each sample and target: `sample`, `patient`, its locating columns, `target`, `called`, `label`
            (where the dataset has labels), `p_CLASS` ..., and `reason`: why there is no prediction, or "".
        notes: Sentences that a reader needs.
        scores: The scores, opened like a run; None where no sample has a label.
    """

    folder: Path
    table: pd.DataFrame
    notes: tuple[str, ...]
    scores: Results | None

    def __str__(self) -> str:
        there = self.table.loc[self.table["reason"] == "", "sample"].nunique()
        every, patients = (self.table[name].nunique() for name in ("sample", "patient"))
        targets = self.table["target"].nunique()
        each = f", each for {targets} targets" if targets > 1 else ""
        lines = [f"{there} of {every} samples of {patients} patients predicted{each}: {self.folder}/predictions.csv"]
        missing = self.table.loc[self.table["reason"] != "", "reason"].value_counts()
        lines += [f"  {count} x {why}" for why, count in missing.head(5).items()]
        lines += list(self.notes)
        if self.scores is not None:
            lines += ["", self.scores.tables(preset="external")]
        return "\n".join(lines)


def predict(
    model: str | Path,
    data: str | Mapping[str, Any],
    *,
    out: str | Path = "predicted",
    exclude_known: bool = False,
    own_ids: bool = False,
    near_duplicates: str = "refuse",
    device: str = "auto",
    jobs: int = 0,
    plugins: str | Path | None = None,
    store: str | Path = STORE,
    anchor: str | Path | None = None,
) -> PredictedDataset:
    """Predicts all samples of a dataset, and scores the model where the dataset has labels. Not for clinical use.

    Args:
        model: A folder that `fit` wrote.
        data: A dataset with its fields, as the key `data` of a grid names it: a mapping, or its YAML as text. Fields
            that it does not name, such as columns and `orientation`, are those of the model's data, if both are read by
            the same plug-in; notes name them.
        out: A new folder for `predictions.csv`, `excluded.csv` and, where there are labels, `scores.md`, `scores.csv`
            and `scores/`, which opens like a run.
        exclude_known: Whether patients whom the model learnt from, or may have learnt from, are left out, and counted.
            Otherwise they are an error. They are known by their ids and by their scans, also by changed copies.
        own_ids: Whether the dataset counts its patients independently of the training data, so that equal ids mean
            nothing and only scans are compared.
        near_duplicates: `"allow"` keeps patients of whom nothing is known but that a scan looks like a changed copy of
            a training scan; `near_duplicates.csv` lists them. `"refuse"` treats them like other known patients.
        device: `"auto"`, `"cpu"` or `"cuda"`.
        jobs: How many studies are read at a time; 0: as many as there are cores.
        plugins: A folder of your own plug-ins, of the project's shape.
        store: Keeps the digests of scans, and the ledger that counts the uses of each held-out set.
        anchor: A table with the columns `study` and `level`: the lowest level that a study shows.

    Raises:
        ScangridError: The folder is no model, the dataset can't be read or does not fit the model, patients of the
            training data are in it, or `out` exists.

    Examples:
        >>> found = api.predict("model", {"spider": {"folder": "new_scans"}})
        >>> found.table
    """
    check_choice("--device", device, DEVICES)
    check_choice("--near-duplicates", near_duplicates, ("refuse", "allow"))
    check_number(jobs=jobs)
    add_folder(plugins)
    from bench.grid.file import read_data
    from bench.models.model import model_warnings
    from bench.models.predict import predict_dataset
    from bench.run.compute import pick_device
    from bench.run.progress import Progress
    from bench.run.provenance import cores

    model, workers = Path(model), jobs or cores()
    for line in model_warnings(model):
        print(f"scangrid: {line}", file=sys.stderr)
    with one_thread():
        found = predict_dataset(
            model,
            read_data(data),
            Path(out),
            store=Path(store),
            exclude_known=exclude_known,
            own_ids=own_ids,
            allow_alike=near_duplicates == "allow",
            device=pick_device(device),
            jobs=workers,
            progress=Progress(jobs=workers),
            anchor=str(anchor or ""),
        )
    scores = None if found.scored is None else Results(found.scored)
    if scores is not None:
        for ending in ("md", "csv"):
            scores.tables(preset="external", out=found.folder / f"scores.{ending}")
    return PredictedDataset(found.folder, found.table, found.notes, scores)
