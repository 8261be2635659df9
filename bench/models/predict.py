"""Lets a model predict the samples of a dataset, and scores it where the dataset has labels: external validation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.grid.cells import Step
from bench.models.grading import CutSamples, NewStudy, grade_samples
from bench.models.model import FittedCell, ModelError, read_model
from bench.models.new_data import NewData, labels_of, open_data
from bench.models.scored import CellOutcome, write_scores
from bench.plan import directions, identity
from bench.run.facts import source
from bench.run.progress import Progress
from bench.tasks.reading import in_order
from bench.tasks.store import Store
from data.base import Exclusion, exclusions
from data.files.whole import new_folder
from preprocessing.regions.base import FixedRegion
from results.tables.escaping import csv_frame

if TYPE_CHECKING:
    import pandas as pd

TABLE, EXCLUDED, SCORED = "predictions.csv", "excluded.csv", "scores"
NEAR_DUPLICATES = "near_duplicates.csv"
AT_ONCE = 256
"""How many crops are encoded at a time."""


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a model made of a dataset.

    Args:
        folder: The folder with all files.
        table: The content of `predictions.csv`.
        notes: Sentences that a reader needs.
        scored: The folder of the scores, in the layout of a run; None where there is no label.
    """

    folder: Path
    table: pd.DataFrame
    notes: tuple[str, ...]
    scored: Path | None


def predict_dataset(
    folder: Path,
    data: Step,
    out: Path,
    *,
    store: Path,
    exclude_known: bool,
    own_ids: bool,
    allow_alike: bool,
    device: str,
    jobs: int,
    progress: Progress,
    anchor: str = "",
) -> Prediction:
    """Predicts all samples of a dataset, writes them, and scores those with labels.

    Args:
        folder: The model.
        data: The dataset with its fields.
        out: A new or empty folder.
        store: Keeps digests of scans and the ledger of held-out sets.
        exclude_known: Whether patients whom the model learnt from are left out; otherwise they are an error.
        own_ids: Whether the dataset counts its patients independently of the training data.
        allow_alike: Whether patients stay of whom nothing is known but that a scan looks like one of training.
        device: `"cpu"` or `"cuda"`.
        jobs: How many studies are read at a time.
        progress: Counts studies.
        anchor: A table with the columns `study` and `level`: the lowest level that a study shows.

    Raises:
        ModelError: The folder is no model, the dataset does not fit it, or `out` exists.
        DataError: The dataset can't be read.
        KnownPatientError: The model learnt from some of the patients.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ModelError(f"--out {out} exists: name a new folder")
    model, kept = read_model(folder, device=device, anchor=anchor), Store(store)
    identity.remember(store)
    how: dict[str, Any] = {"exclude_known": exclude_known, "own_ids": own_ids, "allow_alike": allow_alike}
    with progress.shown():
        new = open_data(model, folder, data, kept, **how, jobs=jobs, progress=progress)
        floors = [(i, name, f) for i, c in enumerate(model.cells) for name, f in c.floors.items()]
        pixels = [(i, name, f) for i, name, f in floors if isinstance(f, FittedCell)]
        every = [*model.cells, *(cell for _, _, cell in pixels)]
        graded, faults, notes = _graded(every, new, jobs=jobs, progress=progress)
        new = replace(new, notes=(*new.notes, *notes))
    of_floors: list[dict[str, pd.DataFrame]] = [{} for _ in model.cells]
    for (i, name, _), table in zip(pixels, graded[len(model.cells) :], strict=True):
        of_floors[i][name] = table
    outcomes = [
        CellOutcome(cell, table, tables, labels_of(cell, new))
        for cell, table, tables in zip(model.cells, graded[: len(model.cells)], of_floors, strict=True)
    ]
    with new_folder(out) as draft:
        shown = _shown(new, outcomes)
        csv_frame(shown).to_csv(draft / TABLE, index=False)
        rows = [*new.dataset.excluded().itertuples(index=False, name=None), *faults]
        csv_frame(exclusions(rows)).to_csv(draft / EXCLUDED, index=False)
        notes = [
            *new.taken,
            *new.notes,
            *(note for one in outcomes if one.labels is not None for note in one.labels.notes),
        ]
        _write_alike(draft, new)
        unlabelled = [one.cell.about["target"] for one in outcomes if one.unlabelled]
        left = " that is left" if new.left_out.patients else ""
        lacking = f"No sample{left} has a label of {{}} that the model knows, so there are no scores."
        notes += map(lacking.format, unlabelled)
        scored = len(unlabelled) < len(outcomes)
        if scored:
            name = source(data, new.dataset)
            where: dict[str, Any] = {"n_excluded": len(rows), "store": store, "device": device}
            scored = write_scores(draft / SCORED, model, folder, new, name, outcomes, **where)
            notes += [] if scored else ["No labelled sample has a prediction, so there are no scores."]
    return Prediction(out, shown, tuple(notes), out / SCORED if scored else None)


def _write_alike(folder: Path, new: NewData) -> None:
    """Writes `near_duplicates.csv`: the patients with a scan that looks like one of training; none without any."""
    import pandas as pd

    found = [(one, "left out") for one in new.left_out.by_look] + [(one, "kept") for one in new.kept_alike]
    rows = [{"patient": c.patient, "study": c.study, "likeness": c.likeness, "outcome": what} for c, what in found]
    if rows:
        csv_frame(pd.DataFrame(rows)).to_csv(folder / NEAR_DUPLICATES, index=False)


def _graded(
    cells: Sequence[FittedCell], new: NewData, *, jobs: int, progress: Progress
) -> tuple[list[pd.DataFrame], list[Exclusion], list[str]]:
    """For each cell a row for each sample of its target, see `_as_table`; what could not be read; and notes."""
    import pandas as pd

    fixed = all(isinstance(region, FixedRegion) for cell in cells for region in cell.regions.values())
    by_study = {str(name): rows for name, rows in new.samples.groupby("study", sort=False)}
    faults: dict[Exclusion, None] = {}
    lies: list[dict[str, Counter[str]]] = [{name: Counter() for name in cell.sequences} for cell in cells]

    def cut(name: str) -> list[CutSamples]:
        study = NewStudy(new.dataset, name, by_study[name])  # its scans are freed at the end
        return [study.cut(cell) for cell in cells]

    waiting: list[list[CutSamples]] = [[] for _ in cells]
    done: list[list[pd.DataFrame]] = [[] for _ in cells]

    def flush() -> None:
        for cell, cuts, parts in zip(cells, waiting, done, strict=True):
            if cuts:
                parts.append(_as_table(cell, cuts))
                cuts.clear()

    progress.begin_images("predicting", len(by_study), "study")
    for _, cuts in in_order(cut, list(by_study), jobs if fixed else 1):
        for one, cell, several, lie in zip(cuts, cells, waiting, lies, strict=True):
            faults |= dict.fromkeys(_faults(one, cell))
            for sequence, crops in zip(cell.sequences, one.crops, strict=True):
                affines = [image.affine for image in crops.images]
                lie[sequence].update(directions.lying(affines, crops.entry, _mirrors(cell), one.samples))
            if len(one.samples):
                several.append(one)
        if any(sum(len(crops.images) for one in several for crops in one.crops) >= AT_ONCE for several in waiting):
            flush()
        progress.images()
    flush()
    notes = [
        directions.unlike(sequence, cell.about.get("lies", {}).get(sequence, ()), found)
        for cell, lie in zip(cells, lies, strict=True)
        for sequence, found in lie.items()
    ]
    return [pd.concat(parts) for parts in done], list(faults), list(dict.fromkeys(filter(None, notes)))


def _mirrors(cell: FittedCell) -> bool:
    """Whether the region of a cell flips samples of the left side."""
    return any(step["fields"].get("mirror", False) for step in cell.about["steps"]["regions"])


def _faults(cut: CutSamples, cell: FittedCell) -> Iterator[Exclusion]:
    """Rows about files of a study that could not be read; the sample is named if it is the study's only one."""
    sample = str(cut.samples.index[0]) if len(cut.samples) == 1 else ""
    for sequence, crops in zip(cell.sequences, cut.crops, strict=True):
        for fault in crops.faults:
            if fault.sample < 0 or fault.file:
                yield fault.file, sample, sequence, fault.why


def _as_table(cell: FittedCell, cuts: Sequence[CutSamples]) -> pd.DataFrame:
    """What a cell makes of some studies, a row for each sample, index `sample`.

    Columns: `p_0` ... `p_K-1`, `called` (class index), `recalibrated_0` ... where the model has them, `has_scan`
    (whether the study has a scan that the cell reads), `reason` (why there is no crop, or "").
    """
    import pandas as pd

    graded = grade_samples(cell, cuts)
    reasons = [one.why(i, cell.sequences) for one in cuts for i in range(len(one.samples))]
    columns: dict[str, Any] = {f"p_{k}": column for k, column in enumerate(graded.P.T)}
    columns["called"] = graded.called
    if graded.recalibrated is not None:
        columns |= {f"recalibrated_{k}": column for k, column in enumerate(graded.recalibrated.T)}
    columns["has_scan"] = np.repeat([one.has_scan for one in cuts], [len(one.samples) for one in cuts])
    columns["reason"] = np.where(graded.has_crop, "", np.array(reasons, dtype=object))
    return pd.DataFrame(columns, index=pd.concat([one.samples for one in cuts]).index)


def _shown(new: NewData, outcomes: Sequence[CellOutcome]) -> pd.DataFrame:
    """The content of `predictions.csv`."""
    import pandas as pd

    parts = []
    for one in outcomes:
        cell, table, known = one.cell, one.table, one.labels
        classes, there = cell.about["classes"], (table["reason"] == "").to_numpy()
        about = new.samples.loc[table.index]
        columns: dict[str, Any] = {"sample": table.index, "patient": about["patient"].astype(str).to_numpy()}
        columns |= {name: about[name].to_numpy() for name in new.dataset.locations}
        columns["target"] = cell.about["target"]
        called = np.array(classes, dtype=object)[table["called"].to_numpy()]
        columns["called"] = np.where(there, called, "")
        if known is not None:
            y = known.y[new.samples.index.get_indexer(table.index)]
            columns["label"] = [classes[k] if k >= 0 else "" for k in y]
        columns |= {f"p_{name}": table[f"p_{k}"].where(there).to_numpy() for k, name in enumerate(classes)}
        parts.append(pd.DataFrame(columns | {"reason": table["reason"].to_numpy()}))
    found = pd.concat(parts, ignore_index=True)
    return found[[c for c in found if c != "reason"] + ["reason"]]
