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
from bench.plan.known import FoundCopy, Known, kept_note, left_out_note
from bench.plan.labels import text
from bench.plan.read_alike import read_alike
from bench.plugins import load, plugin_class
from bench.run.progress import Progress
from bench.run.second_dataset import absent_classes
from bench.tasks.scans import scan_digests, scan_looks
from bench.tasks.store import Store
from data.base import DataError, Dataset, Int64, Target
from data.text.spelling import as_known

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class NewData:
    """A dataset that fits a model, and the samples of it that the model may predict.

    Args:
        dataset: The dataset.
        samples: The samples, without those of patients who were left out.
        every: The samples of all patients.
        scans: The digests of the scans of each study.
        left_out: The patients who were left out, since the model learnt, or may have learnt, from them.
        kept_alike: Those who were kept though a scan looks like one of training.
        compared_ids: Whether patients were also looked for by their ids.
        notes: Sentences about how the dataset was read, for the reader of the scores.
        taken: Sentences for the user alone: which fields were taken from the model, and who was left out or kept.
    """

    dataset: Dataset
    samples: pd.DataFrame
    every: pd.DataFrame
    scans: dict[str, tuple[str, ...]]
    left_out: Known
    kept_alike: tuple[FoundCopy, ...]
    compared_ids: bool
    notes: tuple[str, ...]
    taken: tuple[str, ...]


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
    allow_alike: bool,
    jobs: int,
    progress: Progress,
) -> NewData:
    """Opens a dataset for a model; fields that it does not name are those of the model's data, see `read_alike`.

    Args:
        model: The model.
        folder: Its folder.
        data: The dataset with its fields.
        store: Keeps digests of scans.
        exclude_known: Whether patients whom the model learnt from are left out; otherwise they are an error.
        own_ids: Whether the dataset counts its patients independently of the training data, so that ids mean nothing.
        allow_alike: Whether patients stay of whom nothing is known but that a scan looks like one of training.
        jobs: How many studies are read at a time.
        progress: Counts studies.

    Raises:
        DataError: The dataset can't be read, or has no sample.
        ModelError: The dataset lacks what the model reads, or all patients were left out.
        KnownPatientError: The model learnt from some of the patients.
    """
    about = model.about
    where = {"here": "--data", "known": "the model's data"}
    alike = read_alike(data, like=about["dataset"], fields=about.get("dataset_fields"), **where)
    try:
        dataset, notes = _opened(alike.step)
        samples = dataset.samples()
        if samples.empty:
            rows = dataset.excluded()
            why = "it has no row" if rows.empty else f"{rows['file'].iloc[0]}: {rows['reason'].iloc[0]}"
            raise DataError(f"{data.label()} gives no sample to predict: {why}")
    except DataError as error:
        raise DataError(f"{error}. {alike.columns}" if alike.columns else str(error)) from error
    notes += [*alike.notes, *dataset.table_notes()]
    for cell in model.cells:
        samples, more = _fitting(cell, dataset, samples, folder, data)
        notes += more
    patient_of = dict(zip(samples["study"].astype(str), samples["patient"].astype(str), strict=True))
    model.anchors.check_named(patient_of)
    sequences = dict.fromkeys(name for cell in model.cells for name in _sequences(cell, dataset))
    studies = list(patient_of)
    scans = scan_digests(dataset, studies, list(sequences), store, jobs=jobs, progress=progress)
    looks = scan_looks(dataset, studies, list(sequences), store, jobs=jobs, progress=progress)
    learnt = read_learnt_from(folder)
    compare = learnt.ids_known and dataset.patients_known and not own_ids
    known, kept_alike = learnt.known(patient_of, scans, looks, compare_ids=compare).allowing(allow_alike)
    patients = len(set(patient_of.values()))
    if not exclude_known:
        known.refuse(patients, exclude="--exclude-known", own_ids="--own-ids", allow="--near-duplicates allow")
    kept = samples[~samples["patient"].astype(str).isin(known.patients)]
    if kept.empty:
        raise ModelError(f"{data.label()}: no patient is left to predict: {known.why()}")
    taken = [*filter(None, [alike.columns]), *left_out_note(known), *kept_note(kept_alike, named=True)]
    return NewData(
        dataset, kept, samples, dict(scans), known, kept_alike, compare, tuple(dict.fromkeys(notes)), tuple(taken)
    )


def labels_of(cell: FittedCell, data: NewData) -> NewLabels | None:
    """The labels of a cell's target; None if the dataset has no such target or labels no sample.

    Labels that training merged into others count as these; labels that the model does not know count as none.
    """
    about = cell.about
    target = next((one for one in data.dataset.targets() if one.name == about["target"]), None)
    if target is None:
        return None
    classes = list(about["classes"])
    y, unknown, notes = _read_labels(cell, target, data.samples)
    if unknown:
        listed = ", ".join(f"'{name}' ({n} {'sample' if n == 1 else 'samples'})" for name, n in sorted(unknown.items()))
        notes.append(
            f"Classes of {target.name} do not match: the model knows {', '.join(classes)}, and the dataset also has "
            f"{listed}, which are not scored."
        )
    if not (y >= 0).any():
        return NewLabels(y, tuple(notes)) if unknown else None
    absent = [name for i, name in enumerate(classes) if not (y == i).any()]
    every = {classes[k] for k in set(_read_labels(cell, target, data.every)[0].tolist()) - {-1}}
    return NewLabels(y, (*notes, *absent_classes(target.name, absent, every, "the dataset")))


def _read_labels(cell: FittedCell, target: Target, samples: pd.DataFrame) -> tuple[Int64, dict[str, int], list[str]]:
    """The classes `(N,)` of samples, how many have each label that the model does not know, and a note on spelling."""
    about = cell.about
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
    return y, unknown, [respelt(target.name, spelt, respelt_rows)] if respelt_rows else []


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
