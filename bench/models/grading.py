"""What a model makes of studies that it has not seen: crops, tokens, probabilities; one study or many at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from bench.models.model import FittedCell
from bench.stages.crops import SharedLook, StudyCrops, cut_study
from bench.stages.own import probabilities
from data.base import DataError, Dataset, Float32, Float64, Image, Int64
from encoders.base import FittedClassifier, FittedEncoder, Tokens
from preprocessing.regions.base import Study

if TYPE_CHECKING:
    import pandas as pd


def samples_of(cell: FittedCell, samples: pd.DataFrame) -> pd.DataFrame:
    """The samples that the target of a cell is about, such as those of one condition."""
    for column, value in cell.about["rows"].items():
        samples = samples[samples[column] == value]
    return samples


class ReadOnce(Dataset):
    """The scans of another dataset, each read once.

    Args:
        dataset: The other dataset.

    Attributes:
        read: What was read of the study, by sequence: the scan, None, or the error.
    """

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

    def points(self, study: str) -> pd.DataFrame:
        """As the other dataset does."""
        return self._dataset.points(study)


@dataclass(frozen=True, eq=False)
class CutSamples:
    """The crops of a study's samples for one cell.

    Args:
        samples: The samples of the cell's target, n rows without labels.
        crops: For each sequence of the cell the crops.
        points: The points that the region found; None if it looks for none.
        has_scan: Whether the study has a scan that the cell reads.
    """

    samples: pd.DataFrame
    crops: tuple[StudyCrops, ...]
    points: pd.DataFrame | None
    has_scan: bool

    def why(self, i: int, sequences: Sequence[str]) -> str:
        """Why sample i has no crop in any of the cell's sequences."""
        sample = self.samples.index[i]
        if self.points is not None and sample in self.points.index and self.points.loc[sample, "fault"]:
            return str(self.points.loc[sample, "fault"])
        reasons = []
        for sequence, one in zip(sequences, self.crops, strict=True):
            why = [fault.why for fault in one.faults if fault.sample == i]
            reasons.append(why[0] if why else f"no {sequence} in this study")
        return "; ".join(dict.fromkeys(reasons))


class NewStudy:
    """A study whose scans are read once for all cells.

    Args:
        dataset: The dataset of the study.
        study: Its name.
        samples: Its samples, with or without labels.

    Attributes:
        scans: What was read.
        samples: The samples without labels.
    """

    def __init__(self, dataset: Dataset, study: str, samples: pd.DataFrame) -> None:
        labels = {target.column for target in dataset.targets()} | {"split"}
        self.samples = samples[[c for c in samples if c not in labels]]
        self.scans = ReadOnce(dataset)
        self._dataset, self._study = dataset, study
        self._found: dict[str, pd.DataFrame] = {}

    def cut(self, cell: FittedCell) -> CutSamples:
        """The crops of the samples that the target of a cell is about."""
        samples = samples_of(cell, self.samples)
        points, records = self._points(cell), self._records(samples)
        crops = tuple(self._crops(cell, s, records, points) for s in cell.sequences)
        has_scan = any(isinstance(self.scans.read.get(s), Image) for s in cell.sequences)
        return CutSamples(samples, crops, points, has_scan)

    def _records(self, samples: pd.DataFrame) -> list[dict[str, Any]]:
        places = samples[[c for c in samples if c not in self._dataset.clinical]]
        records: list[dict[str, Any]] = places.reset_index().to_dict("records")  # type: ignore[assignment]
        return records

    def _points(self, cell: FittedCell) -> pd.DataFrame | None:
        """The points of all of the study's samples; None for a region that looks for none."""
        if cell.finder is None:
            return None
        # Cells whose regions differ in their boxes alone share a folder, and so the points.
        place = next(iter(cell.about["regions"].values())) or str(id(cell.finder))
        if place not in self._found:
            images = {name: partial(self._image, name) for name in self._dataset.sequences}
            study = Study(self._study, self._study, images, self._records(self.samples))
            points = cell.finder.look(study).points
            assert points is not None
            self._found[place] = points
        return self._found[place]

    def _image(self, sequence: str) -> Image | None:
        try:
            return self.scans.load(self._study, sequence)
        except DataError:
            return None

    def _crops(
        self, cell: FittedCell, sequence: str, records: list[dict[str, Any]], points: pd.DataFrame | None
    ) -> StudyCrops:
        region = cell.regions[sequence]
        if points is not None:
            region = SharedLook(region, region.name, lambda study: replace(study, points=points))
        return cut_study(self.scans, self._study, sequence, records, {"": (region, cell.images)})[""]


@dataclass(frozen=True, eq=False)
class Graded:
    """What a cell makes of n samples.

    Args:
        P: `(n, K)` float64 probabilities; those of a sample without a crop are the shares of the classes in training.
        called: `(n,)` int64: the called class, by the model's rule.
        recalibrated: As `HeadPrediction.recalibrated`; None if nothing is to be undone.
        has_crop: `(n,)` bool: which samples have a crop in at least one sequence.
    """

    P: Float64
    called: Int64
    recalibrated: Float64 | None
    has_crop: NDArray[np.bool_]


def grade_samples(cell: FittedCell, cuts: Sequence[CutSamples]) -> Graded:
    """The probabilities of the samples of some studies, in their order."""
    import pandas as pd

    images: list[list[Image]] = [[] for _ in cell.sequences]
    rows: list[list[int]] = [[] for _ in cell.sequences]
    for one in cuts:
        for i, crops in enumerate(one.crops):
            first = len(images[i])
            images[i] += crops.images
            rows[i] += [first + entry if entry >= 0 else -1 for entry in crops.entry]
    samples, classes = pd.concat([one.samples for one in cuts]), len(cell.about["classes"])
    placed = [np.asarray(one, dtype=np.int64) for one in rows]
    has_crop = np.any([one >= 0 for one in placed], axis=0)
    if not has_crop.any():
        rates = np.tile(cell.chain.heads.rates, (len(samples), 1))
        return Graded(rates, rates.argmax(axis=1), None, has_crop)
    tokens = [
        [_tokens(*one) for one in zip(each, images, placed, widths, strict=True)]
        for each, widths in zip(cell.encoders, cell.about["widths"], strict=True)
    ]
    own = [_own(each, given, classes) for each, given in zip(cell.encoders, tokens, strict=True)]
    found = cell.chain.predict(tokens, own, samples[cell.columns])
    called = found.P.argmax(axis=1) if found.called is None else found.called
    return Graded(found.P, called, found.recalibrated, has_crop)


def _tokens(fitted: FittedEncoder, images: Sequence[Image], rows: Int64, width: int) -> Tokens:
    """The tokens of samples in one sequence."""
    found: list[Float32] = list(fitted.encode(images)) if images else []
    values = np.zeros((len(found), max([1, *map(len, found)]), width), dtype=np.float32)
    present = np.zeros(values.shape[:2], dtype=bool)
    for i, token in enumerate(found):
        values[i, : len(token)], present[i, : len(token)] = token, True
    return Tokens(values, present, rows)


def _own(each: Sequence[FittedEncoder], tokens: Sequence[Tokens], classes: int) -> Float64 | None:
    """The own probabilities `(n, K)` of an encoder trained with labels; None for any other encoder."""
    if not all(hasattr(fitted, "log_probabilities") for fitted in each):
        return None
    classifiers = [cast("FittedClassifier", fitted).log_probabilities for fitted in each]
    return probabilities(tokens, classifiers, classes)
