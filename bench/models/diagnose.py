"""Lets a model look at new studies."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.models.explain_study import grade_map
from bench.models.grading import NewStudy, grade_samples, samples_of
from bench.models.model import FittedCell, Model, ModelError, read_model
from bench.models.records import read_facts
from bench.plugins import load, plugin_class
from data.base import DataError, Dataset, Image
from results.diagnosis import Diagnosis, Finding, Mark, Slice

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
    facts, read = read_facts(folder), _reader(model, folder, descriptions, keep_names=keep_names)
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
        model.anchors.check_named(names)
    for name in names:
        try:
            one = _DiagnosedStudy(model, dataset, name, explain=explain).diagnosis(facts)
        except DataError as error:
            yield error
            continue
        yield replace(one, notes=(*dataset.reading_notes(name), *one.notes))


def _reader(model: Model, folder: Path, descriptions: Path | None, *, keep_names: bool) -> Callable[[Any], Dataset]:
    """A function from folders to the dataset of their studies, by the plug-in that the model's dataset names."""
    kind = model.about["dataset"]
    name = plugin_class("data", kind).new_studies
    if not name:
        raise ModelError(
            f"{folder} was fitted on {kind}, and no plug-in reads single studies like those: use predict --data"
        )

    def read(folders: str | tuple[str, ...]) -> Dataset:
        fields = {"folders": folders, "descriptions": str(descriptions or ""), "keep_names": keep_names}
        dataset: Dataset = load("data", name, **fields)
        return dataset

    return read


def _check_places(model: Model, dataset: Dataset, folder: Path) -> None:
    known = {column for cell in model.cells for column in (*cell.about["rows"], *cell.columns)}
    if unknown := known - set(dataset.samples()):
        raise ModelError(
            f"{folder} was fitted on {model.about['dataset']}, whose samples have {min(unknown)}; a new study has none"
        )
    taken: dict[str, str] = {}
    for cell in model.cells:
        target = cell.about["target"]
        for sample in samples_of(cell, dataset.samples()).index.astype(str):
            if taken.setdefault(sample, target) != target:
                raise ModelError(
                    f"{folder} predicts {taken[sample]} and {target} of one place, and a page has one grade for each: "
                    "fit a model of one of them, or use predict --data"
                )


class _DiagnosedStudy:
    """One study; its scans are read once."""

    def __init__(self, model: Model, dataset: Dataset, study: str, *, explain: bool = False) -> None:
        self._model, self._dataset, self._study, self._explain = model, dataset, study, explain
        samples = dataset.samples()
        self._new = NewStudy(dataset, study, samples[samples["study"].astype(str) == study])

    def diagnosis(self, facts: Mapping[str, str]) -> Diagnosis:
        """All findings, in the order of the study's samples.

        Raises:
            DataError: No scan of the study can be read.
        """
        findings: dict[str, Finding] = {}
        for cell in self._model.cells:
            findings |= self._findings(cell)
        if not any(isinstance(one, Image) for one in self._new.scans.read.values()):
            why = [str(one) for one in self._new.scans.read.values() if one is not None]
            raise DataError(why[0] if why else f"{self._study}: holds no scan that the model reads")
        ordered = [findings[sample] for sample in self._new.samples.index if sample in findings]
        marks = {(one.mark.sequence, one.mark.index): one.mark for one in ordered if one.mark}
        faults = [f"{sequence}: {why}" for sequence in self._dataset.sequences for why in self._faults(sequence)]
        if self._explain and not any(one.grade_map for one in ordered):
            faults.append("No map was drawn: maps are for findings of other grades than the mildest.")
        return Diagnosis(
            study=self._study,
            classes=tuple(self._model.cells[0].about["classes"]),
            findings=tuple(ordered),
            slices=tuple(self._slice(mark) for mark in marks.values()),
            model=facts,
            notes=tuple(faults),
            shown=self._dataset.shown,
        )

    def _faults(self, sequence: str) -> tuple[str, ...]:
        found = self._new.scans.read.get(sequence)
        return (str(found),) if isinstance(found, Exception) else () if found is None else found.faults

    def _findings(self, cell: FittedCell) -> dict[str, Finding]:
        cut = self._new.cut(cell)
        graded = grade_samples(cell, [cut])
        out = {}
        for i, (sample, row) in enumerate(cut.samples.iterrows()):
            place = {name: str(row[name]) for name in self._dataset.locations}
            name = str(sample)
            if not graded.has_crop[i]:
                out[name] = Finding(place=place, missing=cut.why(i, cell.sequences))
                continue
            grade = cell.about["classes"][graded.called[i]]
            mark = self._mark(name, cut.points)
            why = grade_map(cell, cut.crops, i, cut.samples) if self._explain and graded.called[i] else None
            P = tuple(map(float, graded.P[i]))
            out[name] = Finding(place=place, probabilities=P, grade=grade, mark=mark, grade_map=why)
        return out

    def _mark(self, sample: str, points: pd.DataFrame | None) -> Mark | None:
        if points is None or sample not in points.index or points.loc[sample, "fault"]:
            return None
        row: Any = points.loc[sample]
        position = (float(row["x"]), float(row["y"]), float(row["z"]))
        image = self._new.scans.load(self._study, row["sequence"])
        assert image is not None
        d, y, x = (float(v) for v in image.index(position))
        file: dict[str, Any] = {}
        if at := self._dataset.pixel(self._study, row["sequence"], position):
            file = {"series": at.series, "file": at.file, "instance": at.instance, "file_x": at.x, "file_y": at.y}
        return Mark(sequence=row["sequence"], index=round(d), x=x, y=y, position=position, **file)

    def _slice(self, mark: Mark) -> Slice:
        image = self._new.scans.load(self._study, mark.sequence)
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
