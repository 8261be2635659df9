"""Lets a model look at new studies."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.models.explain_study import grade_map
from bench.models.model import FittedCell, Model, ModelError, read_model
from bench.plugins import load, plugin_class
from bench.stages.crops import SharedLook, StudyCrops, cut_study
from data.base import DataError, Dataset, Float32, Float64, Image
from encoders.base import FittedClassifier, FittedEncoder, Tokens
from preprocessing.regions.base import Study
from results.diagnosis import Diagnosis, Finding, Mark, Slice
from results.methods.model_card import FACTS

if TYPE_CHECKING:
    import pandas as pd


def grade(
    folder: Path,
    studies: Sequence[Path],
    descriptions: Path | None,
    *,
    keep_names: bool,
    device: str,
    explain: bool = False,
    anchor: str = "",
) -> Iterator[Diagnosis | DataError]:
    """Grades new studies with a model; yields an error for a study that can't be read.

    Args:
        folder: The model.
        studies: A folder of files for each study.
        descriptions: A table that gives the sequence of each series; None if the headers of the files show it.
        keep_names: Whether studies keep the names of their folders.
        device: `"cpu"` or `"cuda"`.
        explain: Whether findings of other grades than the mildest get a map of what spoke for them.
        anchor: A table with the columns `study` and `level`: the lowest level that a study shows.

    Raises:
        ModelError: The folder is no model, no plug-in reads new studies like those that it was fitted on, or `anchor`
            can't be used.
    """
    model = read_model(folder, device=device, anchor=anchor)
    card, read = folder / FACTS, _reader(model, folder, descriptions, keep_names=keep_names)
    facts = json.loads(card.read_text(encoding="utf-8")) if card.is_file() else {}
    readable = []
    for number, study in enumerate(studies, 1):
        try:
            read(str(study)).samples()
            readable.append(str(study))
        except DataError as error:
            yield DataError(f"argument {number}: {str(error).partition(': ')[2]}" if len(studies) > 1 else str(error))
    if not readable:
        return
    dataset = read(tuple(readable))
    _check_places(model, dataset, folder)
    names = dict.fromkeys(dataset.samples()["study"].astype(str))
    if len(readable) == len(studies):
        model.check_anchored(names)
    for name in names:
        try:
            one = _NewStudy(model, dataset, name, explain=explain).diagnosis(facts)
        except DataError as error:
            yield error
            continue
        yield replace(one, notes=(*dataset.reading_notes(name), *one.notes))


def _reader(model: Model, folder: Path, descriptions: Path | None, *, keep_names: bool) -> Callable[[Any], Dataset]:
    """A function from folders to the dataset of their studies, by the plug-in that the model's dataset names."""
    kind = model.about["dataset"]
    name = plugin_class("data", kind).new_studies
    if not name:
        raise ModelError(f"{folder} was fitted on {kind}, and no plug-in reads new studies like those")

    def read(folders: str | tuple[str, ...]) -> Dataset:
        fields = {"folders": folders, "descriptions": str(descriptions or ""), "keep_names": keep_names}
        dataset: Dataset = load("data", name, **fields)
        return dataset

    return read


def _check_places(model: Model, dataset: Dataset, folder: Path) -> None:
    known = {column for cell in model.cells for column in (*cell.about["rows"], *cell.about["columns"])}
    if unknown := known - set(dataset.samples()):
        raise ModelError(
            f"{folder} was fitted on {model.about['dataset']}, whose samples have {min(unknown)}; a new study has none"
        )


class _ReadOnce(Dataset):
    """The scans of another dataset, each read once."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self.read: dict[str, Image | DataError | None] = {}

    def load(self, study: str, sequence: str) -> Image | None:
        """Loads as the other dataset does; a scan that can't be read is not tried again."""
        if sequence not in self.read:
            try:
                self.read[sequence] = self._dataset.load(study, sequence)
            except DataError as error:
                self.read[sequence] = error
        found = self.read[sequence]
        if isinstance(found, DataError):
            raise found
        return found


class _NewStudy:
    """One study; its scans are read once."""

    def __init__(self, model: Model, dataset: Dataset, study: str, *, explain: bool = False) -> None:
        self._model, self._dataset, self._study, self._explain = model, dataset, study, explain
        self._scans = _ReadOnce(dataset)
        self._found: dict[str, pd.DataFrame] = {}

    def diagnosis(self, facts: Mapping[str, str]) -> Diagnosis:
        """All findings, in the order of the study's samples.

        Raises:
            DataError: No scan of the study can be read.
        """
        findings: dict[str, Finding] = {}
        for cell in self._model.cells:
            findings |= self._findings(cell)
        if not any(isinstance(one, Image) for one in self._scans.read.values()):
            why = [str(one) for one in self._scans.read.values() if one is not None]
            raise DataError(why[0] if why else f"{self._study}: holds no scan that the model reads")
        ordered = [findings[sample] for sample in self._samples.index if sample in findings]
        marks = {(one.mark.sequence, one.mark.index): one.mark for one in ordered if one.mark}
        faults = [f"{sequence}: {why}" for sequence in self._dataset.sequences for why in self._faults(sequence)]
        return Diagnosis(
            study=self._study,
            classes=tuple(self._model.cells[0].about["classes"]),
            findings=tuple(ordered),
            slices=tuple(self._slice(mark) for mark in marks.values()),
            model=facts,
            notes=tuple(faults),
            shown=self._dataset.shown,
        )

    @cached_property
    def _samples(self) -> pd.DataFrame:
        """The study's samples without any label."""
        table = self._dataset.samples()
        labels = {target.column for target in self._dataset.targets()}
        return table.loc[table["study"].astype(str) == self._study, [c for c in table if c not in labels]]

    def _records(self, samples: pd.DataFrame) -> list[dict[str, Any]]:
        places = samples[[c for c in samples if c not in self._dataset.clinical]]
        records: list[dict[str, Any]] = places.reset_index().to_dict("records")  # type: ignore[assignment]
        return records

    def _faults(self, sequence: str) -> tuple[str, ...]:
        found = self._scans.read.get(sequence)
        return (str(found),) if isinstance(found, Exception) else () if found is None else found.faults

    def _findings(self, cell: FittedCell) -> dict[str, Finding]:
        samples = self._samples
        for column, value in cell.about["rows"].items():
            samples = samples[samples[column] == value]
        points = self._points(cell)
        sequences = [step["name"] for step in cell.about["steps"]["sequences"]]
        records = self._records(samples)
        crops = [self._crops(cell, sequence, records, points) for sequence in sequences]
        rows = [np.asarray(one.entry, dtype=np.int64) for one in crops]
        there = np.any([one >= 0 for one in rows], axis=0)
        P = np.full((len(samples), len(cell.about["classes"])), np.nan)
        called = np.zeros(len(samples), dtype=np.int64)
        if there.any():
            tokens = [
                [_tokens(fitted, one, width) for fitted, one, width in zip(each, crops, widths, strict=True)]
                for each, widths in zip(cell.encoders, cell.about["widths"], strict=True)
            ]
            own = [_own(each, given, P.shape) for each, given in zip(cell.encoders, tokens, strict=True)]
            found = cell.chain.predict(tokens, own, samples[cell.about["columns"]])
            P = found.P
            called = P.argmax(axis=1)
            if found.called is not None:
                called = found.called
        out = {}
        for i, record in enumerate(records):
            place = {name: str(record[name]) for name in self._dataset.locations}
            sample = record["sample"]
            if not there[i]:
                out[sample] = Finding(place=place, missing=self._why(i, sequences, crops, sample, points))
                continue
            grade = cell.about["classes"][called[i]]
            mark = self._mark(sample, points)
            why = grade_map(cell, crops, i, samples) if self._explain and called[i] else None
            out[sample] = Finding(
                place=place, probabilities=tuple(map(float, P[i])), grade=grade, mark=mark, grade_map=why
            )
        return out

    def _points(self, cell: FittedCell) -> pd.DataFrame | None:
        """The points of all of the study's samples; None for a region that looks for none."""
        if cell.finder is None:
            return None
        # Cells whose regions differ in their boxes alone share a folder, and so the points.
        place = next(iter(cell.about["regions"].values())) or str(id(cell.finder))
        if place not in self._found:
            images = {name: partial(self._image, name) for name in self._dataset.sequences}
            study = Study(self._study, self._study, images, self._records(self._samples))
            points = cell.finder.look(study).points
            assert points is not None
            self._found[place] = points
        return self._found[place]

    def _image(self, sequence: str) -> Image | None:
        try:
            return self._scans.load(self._study, sequence)
        except DataError:
            return None

    def _crops(
        self, cell: FittedCell, sequence: str, records: list[dict[str, Any]], points: pd.DataFrame | None
    ) -> StudyCrops:
        region = cell.regions[sequence]
        if points is not None:
            region = SharedLook(region, region.name, lambda study: replace(study, points=points))
        return cut_study(self._scans, self._study, sequence, records, {"": (region, cell.images)})[""]

    def _why(
        self, i: int, sequences: list[str], crops: Sequence[StudyCrops], sample: str, points: pd.DataFrame | None
    ) -> str:
        """Why a sample has no crop in any sequence."""
        if points is not None and sample in points.index and points.loc[sample, "fault"]:
            return str(points.loc[sample, "fault"])
        reasons = []
        for sequence, one in zip(sequences, crops, strict=True):
            why = [fault.why for fault in one.faults if fault.sample == i]
            reasons.append(why[0] if why else f"no {sequence.replace('_', ' ')} in this study")
        return "; ".join(dict.fromkeys(reasons))

    def _mark(self, sample: str, points: pd.DataFrame | None) -> Mark | None:
        if points is None or sample not in points.index or points.loc[sample, "fault"]:
            return None
        row: Any = points.loc[sample]
        position = (float(row["x"]), float(row["y"]), float(row["z"]))
        image = self._scans.load(self._study, row["sequence"])
        assert image is not None
        d, y, x = (float(v) for v in image.index(position))
        file: dict[str, Any] = {}
        if at := self._dataset.pixel(self._study, row["sequence"], position):
            file = {"series": at.series, "file": at.file, "instance": at.instance, "file_x": at.x, "file_y": at.y}
        return Mark(sequence=row["sequence"], index=round(d), x=x, y=y, position=position, **file)

    def _slice(self, mark: Mark) -> Slice:
        image = self._scans.load(self._study, mark.sequence)
        assert image is not None
        plane = image.affine if image.planes is None else image.planes[mark.index]
        lengths = np.linalg.norm(plane[:3, 1:3], axis=0)
        down, right = (tuple(map(float, v)) for v in (plane[:3, 1:3] / lengths).T)
        return Slice(
            sequence=mark.sequence,
            index=mark.index,
            pixels=image.pixels[mark.index],
            spacing=(float(lengths[0]), float(lengths[1])),
            directions=(down, right),  # type: ignore[arg-type]
            instance=mark.instance,
        )


def _tokens(fitted: FittedEncoder, crops: StudyCrops, width: int) -> Tokens:
    """The tokens of a study's samples in one sequence."""
    found: list[Float32] = list(fitted.encode(crops.images)) if crops.images else []
    values = np.zeros((len(found), max([1, *map(len, found)]), width), dtype=np.float32)
    present = np.zeros(values.shape[:2], dtype=bool)
    for i, token in enumerate(found):
        values[i, : len(token)], present[i, : len(token)] = token, True
    return Tokens(values, present, np.asarray(crops.entry, dtype=np.int64))


def _own(each: Sequence[FittedEncoder], tokens: Sequence[Tokens], shape: tuple[int, ...]) -> Float64 | None:
    """The own probabilities `(n, K)` of an encoder trained with labels; None for any other encoder."""
    if not all(hasattr(fitted, "log_probabilities") for fitted in each):
        return None
    total = np.zeros(shape)
    for fitted, one in zip(each, tokens, strict=True):
        vectors, have = one.means()
        if have.any():
            classifier: FittedClassifier = fitted  # type: ignore[assignment]
            found = np.exp(classifier.log_probabilities(vectors[have]).astype(np.float64))
            total[have, : found.shape[1]] += found / found.sum(axis=1, keepdims=True)
    return np.asarray(total / np.maximum(total.sum(axis=1, keepdims=True), 1e-300))
