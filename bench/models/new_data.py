"""A dataset that a model is to predict: opened, checked against the model, without patients of its training."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bench.grid.cells import Step
from bench.models.model import FittedCell, Model, ModelError, read_learnt_from
from bench.plan import clinical
from bench.plan.aligned import respelt
from bench.plan.labels import text
from bench.plugins import load, plugin_class
from bench.run.progress import Progress
from bench.tasks.scans import by_patient, scan_digests, scan_looks
from bench.tasks.store import Store
from data.base import DataError, Dataset, Int64
from data.text.spelling import as_known

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class NewData:
    """A dataset that fits a model, and the samples of it that the model may predict.

    Args:
        dataset: The dataset.
        samples: The samples, without those of patients whom the model learnt from.
        scans: The digests of the scans of each study.
        left_out: The patients who were left out, since the model learnt from them.
        compared_ids: Whether these patients were also looked for by their ids.
        notes: Sentences about how the dataset was read.
    """

    dataset: Dataset
    samples: pd.DataFrame
    scans: dict[str, tuple[str, ...]]
    left_out: tuple[str, ...]
    compared_ids: bool
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class NewLabels:
    """The labels of a target in a dataset, by the classes of a model.

    Args:
        y: `(N,)` int64 class of each sample; -1 where it has no label that the model knows.
        notes: Sentences about classes that do not match.
    """

    y: Int64
    notes: tuple[str, ...]

    @property
    def empty(self) -> bool:
        """Whether no sample has a label."""
        return not bool((self.y >= 0).any())


def open_data(
    model: Model,
    folder: Path,
    data: Step,
    store: Store,
    *,
    exclude_known: bool,
    own_ids: bool,
    jobs: int,
    progress: Progress,
) -> NewData:
    """Opens a dataset for a model.

    Args:
        model: The model.
        folder: Its folder.
        data: The dataset with its fields.
        store: Keeps digests of scans.
        exclude_known: Whether patients whom the model learnt from are left out; otherwise they are an error.
        own_ids: Whether the dataset counts its patients independently of the training data, so that ids mean nothing.
        jobs: How many studies are read at a time.
        progress: Counts studies.

    Raises:
        DataError: The dataset can't be read, or has no sample.
        ModelError: The dataset lacks what the model reads, or all patients were left out.
        KnownPatientError: The model learnt from some of the patients.
    """
    dataset, notes = _opened(data)
    notes += dataset.table_notes()
    samples = dataset.samples()
    if samples.empty:
        rows = dataset.excluded()
        why = "it has no row" if rows.empty else f"{rows['file'].iloc[0]}: {rows['reason'].iloc[0]}"
        raise DataError(f"{data.label()} gives no sample to predict: {why}")
    for cell in model.cells:
        samples, more = _fitting(cell, dataset, samples, folder, data)
        notes += more
    patient_of = dict(zip(samples["study"].astype(str), samples["patient"].astype(str), strict=True))
    model.anchors.check_named(patient_of)
    sequences = dict.fromkeys(name for cell in model.cells for name in _sequences(cell, dataset))
    studies = list(patient_of)
    scans = scan_digests(dataset, studies, list(sequences), store, jobs=jobs, progress=progress)
    looks = scan_looks(dataset, studies, list(sequences), store, jobs=jobs, progress=progress)
    of_patient, looks_of = by_patient(scans, patient_of), by_patient(looks, patient_of)
    learnt = read_learnt_from(folder)
    compare = learnt.ids_known and dataset.patients_known and not own_ids
    known = learnt.known(of_patient, looks_of, compare_ids=compare)
    if not exclude_known:
        known.refuse(len(of_patient), exclude="use --exclude-known", own_ids="use --own-ids to compare pixels alone")
    kept = samples[~samples["patient"].astype(str).isin(known.patients)]
    if kept.empty:
        raise ModelError(f"{folder} learnt from all {len(of_patient)} patients of {data.label()}: none is left")
    return NewData(dataset, kept, dict(scans), tuple(known.patients), compare, tuple(dict.fromkeys(notes)))


def labels_of(cell: FittedCell, data: NewData) -> NewLabels | None:
    """The labels of a cell's target; None if the dataset has no such target or labels no sample.

    Labels that training merged into others count as these; labels that the model does not know count as none.
    """
    about, samples = cell.about, data.samples
    target = next((one for one in data.dataset.targets() if one.name == about["target"]), None)
    if target is None:
        return None
    classes = {name: i for i, name in enumerate(about["classes"])}
    y = np.full(len(samples), -1, dtype=np.int64)
    unknown: dict[str, int] = {}
    labels = samples[target.column].dropna().map(text)
    spelt = as_known(labels, {*classes, *about["merge"]})
    respelt_rows = 0
    rows = np.ones(len(samples), dtype=bool)
    for column, value in about["rows"].items():
        rows &= (samples[column] == value).to_numpy(dtype=bool)
    for i in np.flatnonzero(rows & samples[target.column].notna().to_numpy()):
        label = text(samples[target.column].iloc[i])
        respelt_rows += label in spelt
        label = spelt.get(label, label)
        label = about["merge"].get(label, label)
        if label in classes:
            y[i] = classes[label]
        else:
            unknown[label] = unknown.get(label, 0) + 1
    notes = [respelt(target.name, spelt, respelt_rows)] if respelt_rows else []
    if unknown:
        listed = ", ".join(f"'{name}' ({n} {'sample' if n == 1 else 'samples'})" for name, n in sorted(unknown.items()))
        notes.append(
            f"Classes of {target.name} do not match: the model knows {', '.join(classes)}, and the dataset also has "
            f"{listed}, which are not scored."
        )
    if not (y >= 0).any():
        return NewLabels(y, tuple(notes)) if unknown else None
    if absent := [name for name, i in classes.items() if not (y == i).any()]:
        notes.append(f"Classes of {target.name} do not match: the dataset has no sample of {', '.join(absent)}.")
    return NewLabels(y, tuple(notes))


def _opened(data: Step) -> tuple[Dataset, list[str]]:
    """The dataset, or the plug-in that reads the same files without labels, with a note."""
    dataset: Dataset = data.load("data")
    try:
        dataset.samples()
    except DataError as error:
        name = plugin_class("data", data.name).unlabelled
        if not name:
            raise
        known = {field.name for field in dataclasses.fields(plugin_class("data", name))}
        other: Dataset = load("data", name, **{key: value for key, value in data.fields if key in known})
        try:
            other.samples()
        except DataError:
            raise error from None
        return other, [f"Read without labels, as {name}: {error}."]
    return dataset, []


def _fitting(
    cell: FittedCell, dataset: Dataset, samples: pd.DataFrame, folder: Path, data: Step
) -> tuple[pd.DataFrame, list[str]]:
    """The samples with words as training spells them; notes on these, on words and sequences that one side lacks.

    Raises:
        ModelError: It lacks all of them, or a column that the cell reads; or a column of numbers holds words.
    """
    target = cell.about["target"]
    needed = dict.fromkeys((*cell.about["rows"], *cell.columns))
    if absent := [column for column in needed if column not in samples]:
        raise ModelError(
            f"{folder}: {target} reads the column {absent[0]}, which {data.label()} does not give: name "
            "in --data the same locations and clinical columns as in training"
        )
    for column, value in cell.about["rows"].items():
        if not (samples[column] == value).any():
            raise ModelError(f"{folder}: {target} is about samples with {column} {value}, and {data.label()} has none")
    missing = [name for name in cell.sequences if name not in dataset.sequences]
    if len(missing) == len(cell.sequences):
        raise ModelError(
            f"{folder}: {target} reads {', '.join(missing)}, and {data.label()} has the sequences "
            f"{', '.join(dataset.sequences)}: name the sequences of the dataset as in training"
        )
    read = {*cell.columns, *(column for floor in cell.about["floors"].values() for column in floor.get("columns", ()))}
    learnt = {name: words for name, words in cell.about.get("clinical", {}).items() if name in read}
    samples, notes = clinical.as_learnt(learnt, samples)
    fault, odd = clinical.misread(learnt, samples)
    notes += odd
    if fault:
        raise ModelError(f"{data.label()}: {fault}")
    if missing:
        notes.append(f"{target} also reads {', '.join(missing)}, which the dataset does not have.")
    return samples, notes


def _sequences(cell: FittedCell, dataset: Dataset) -> list[str]:
    return [name for name in cell.sequences if name in dataset.sequences]
