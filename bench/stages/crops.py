"""Turns scans into crops: loads the image, finds the boxes on it, processes it as a whole, and cuts.

A series is read once for all regions and image chains that need it. Samples with the same study and box share an entry.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from traceback import format_exception
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from data.base import Box, DataError, Dataset, Image
from data.geometry.crop import crop
from preprocessing.images.base import ImageStep
from preprocessing.regions.base import FittedRegion, FixedRegion, Study

if TYPE_CHECKING:
    import pandas as pd

ImageChain = tuple[ImageStep, ...]
Boxes = list[Box | tuple[str, str]]


class Fault(NamedTuple):
    """Why a sample has no crop, or which part of a scan could not be read.

    Args:
        sample: Its position among the samples of its study or of the dataset; -1 if it is about no single sample.
        file: The file in question, or "".
        why: The reason, in one line.
    """

    sample: int
    file: str
    why: str


@dataclass(frozen=True)
class StudyCrops:
    """The crops of one study in one sequence under one region and image chain.

    Args:
        images: The distinct crops.
        entry: For each of the study's samples the position in `images`; -1 if the image does not show the sample.
        faults: The reason for each -1, unless the study lacks the sequence; and the faults of the scan.
        trace: The traceback of a failure that is no fault of a file, or "".
        rating: How near a fitted region came to the given mask or points, see `FittedRegion.rate`; None otherwise.
    """

    images: list[Image]
    entry: list[int]
    faults: list[Fault]
    trace: str = ""
    rating: pd.DataFrame | None = None


class SharedLook(FittedRegion):
    """A fitted region that reuses what the same networks saw before, or for other boxes.

    Args:
        fitted: The region that locates.
        name: What messages call it.
        seen: A function from a study to what was seen in it.
    """

    def __init__(self, fitted: FittedRegion, name: str, seen: Callable[[Study], Study]) -> None:
        self._fitted, self._name, self._seen = fitted, name, seen

    @property
    def name(self) -> str:
        """The name that was given."""
        return self._name

    def look(self, study: Study) -> Study:
        """The study with what was seen before."""
        return self._seen(study)

    def locate(self, image: Image, sample: Mapping[str, Any]) -> Box | None:
        """As the fitted region does."""
        return self._fitted.locate(image, sample)

    def rate(self, given: Study, seen: Study) -> pd.DataFrame:
        """As the fitted region does."""
        return self._fitted.rate(given, seen)


class _Located:
    """A scan as a region sees it, and the box of each sample in it."""

    def __init__(self, region: FittedRegion, given: Study, sequence: str) -> None:
        seen = region.look(given)
        image = seen.images[sequence]()
        assert image is not None
        self.image = image
        self.boxes = _boxes(region, image, seen)
        # The task that finds points also rates them.
        self.rating = None if isinstance(region, FixedRegion) or seen.points is not None else region.rate(given, seen)


def cut_study(
    dataset: Dataset,
    study: str,
    sequence: str,
    samples: Sequence[Mapping[str, Any]],
    variants: Mapping[str, tuple[FittedRegion | None, ImageChain]],
) -> dict[str, StudyCrops]:
    """All crops of one series. A failure does not stop other studies: it becomes a fault of this study.

    Args:
        dataset: Gives the scan, and the annotated points if a fixed region uses them.
        study: The study.
        sequence: The sequence.
        samples: The study's rows of `samples()`.
        variants: For each name a region and an image chain. A region of None only shows whether the study has the
            sequence: it gives every eighth voxel, as one crop for all samples.
    """
    try:
        image = dataset.load(study, sequence)
    except Exception as error:
        return dict.fromkeys(variants, _nothing(samples, error, "reading the scan"))
    if image is None:
        return dict.fromkeys(variants, StudyCrops([], [-1] * len(samples), []))
    patient = str(samples[0].get("patient", "")) if samples else ""
    given = Study(study, patient, {sequence: lambda: image}, samples)
    points = cache(dataset.points)
    located: dict[FittedRegion, _Located] = {}
    processed: dict[int, dict[ImageChain, Image]] = {}
    out = {}
    for name, (region, chain) in variants.items():
        doing = "" if region is None else region.name
        try:
            if region is None:
                thin = replace(image, pixels=image.pixels[::8, ::8, ::8].copy(), mask=None, planes=None)
                out[name] = StudyCrops([thin], [0] * len(samples), [])
                continue
            if region not in located:
                annotated = isinstance(region, FixedRegion) and region.uses_points
                one = replace(given, points=points(study)) if annotated else given
                located[region] = _Located(region, one, sequence)
            doing, found = "the image steps", located[region]
            done = processed.setdefault(id(found.image), {(): found.image})
            out[name] = replace(_cut(_process(done, chain), found.boxes), rating=found.rating)
        except Exception as error:
            out[name] = _nothing(samples, error, doing)
        out[name].faults.extend(Fault(-1, *_file_and_why(fault)) for fault in image.faults)
    return out


def _nothing(samples: Sequence[Any], error: Exception, doing: str) -> StudyCrops:
    """The result without crops after a failure."""
    if isinstance(error, DataError):
        (file, why), trace = _file_and_why(str(error)), ""
    else:
        message = " ".join(str(error).split())
        file, why, trace = "", f"{doing} failed: {type(error).__name__}: {message}", "".join(format_exception(error))
    return StudyCrops([], [-1] * len(samples), [Fault(i, file, why) for i in range(len(samples))], trace)


def _file_and_why(text: str) -> tuple[str, str]:
    file, colon, why = text.partition(": ")
    return (file, why) if colon else ("", text)


def _boxes(region: FittedRegion, image: Image, seen: Study) -> Boxes:
    """For each sample its box, or the file and the reason why it has none."""
    nowhere = "", f"{region.name} does not find the sample in the image"
    if seen.points is None:
        return [region.locate(image, sample) or nowhere for sample in seen.samples]
    rows = seen.points.rename_axis("sample").reset_index().to_dict("records")
    by_sample = {row["sample"]: row for row in rows}
    boxes: Boxes = []
    for sample in seen.samples:
        row = by_sample.get(sample["sample"])
        if row is None or row["fault"]:
            boxes.append(_file_and_why(row["fault"]) if row else ("", "no point is marked for the sample"))
        else:
            point = np.array([row["x"], row["y"], row["z"]], dtype=np.float64)
            boxes.append(region.locate(image, {**sample, "point": point}) or nowhere)
    return boxes


def _process(done: dict[ImageChain, Image], chain: ImageChain) -> Image:
    """The image after a chain of steps; steps that two chains share at their start are computed once."""
    if chain not in done:
        done[chain] = chain[-1](_process(done, chain[:-1]))
    return done[chain]


def _cut(image: Image, boxes: Boxes) -> StudyCrops:
    background = float(image.pixels.min())
    found: dict[Box, int] = {}
    crops = StudyCrops([], [], [])
    for i, box in enumerate(boxes):
        entry = -1
        if not isinstance(box, Box):
            crops.faults.append(Fault(i, *box))
        elif box in found:
            entry = found[box]
        else:
            try:
                crops.images.append(crop(image, box, background=background))
                entry = found[box] = len(crops.images) - 1
            except DataError as error:
                crops.faults.append(Fault(i, "", str(error)))
        crops.entry.append(entry)
    return crops
