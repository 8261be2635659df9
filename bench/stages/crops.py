"""Scans to crops: load, find the boxes on the unprocessed image, process it whole, cut.

A series is read once for all regions and image chains that need it. Samples that share (study, box) share an entry.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from traceback import format_exception
from typing import TYPE_CHECKING, Any, NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from data.base import Box, DataError, Dataset, Image
from data.geometry.crop import crop
from preprocessing.images.base import ImageStep
from preprocessing.regions.base import FittedRegion, Region

if TYPE_CHECKING:
    import pandas as pd

Chain = tuple[ImageStep, ...]
Boxes = list[Box | tuple[str, str]]

NO_MASK = -1


class Fault(NamedTuple):
    """Why a sample has no crop, or what of a scan could not be read.

    Args:
        sample: Where the sample stands among its study's or the dataset's samples; -1 for none of them.
        file: The file in question, or "".
        why: One line.
    """

    sample: int
    file: str
    why: str


@dataclass(frozen=True)
class StudyCrops:
    """The crops of one study in one sequence under one region and image chain.

    Args:
        images: The distinct crops.
        entry: From the study's samples to `images`; -1 where the image does not show the sample.
        faults: Why, for each sample with -1 but those of a study that lacks the sequence; and the faults of the scan.
        trace: The traceback of what failed though no file was at fault, or "".
        rating: How near a fitted region came to what is given of the scan, by measure.
    """

    images: list[Image]
    entry: list[int]
    faults: list[Fault]
    trace: str = ""
    rating: Mapping[str, float] = field(default_factory=dict)


def cut_study(
    dataset: Dataset,
    study: str,
    sequence: str,
    samples: Sequence[Mapping[str, Any]],
    variants: Mapping[str, Any],
    points: Callable[[str], pd.DataFrame] | None = None,
) -> dict[str, StudyCrops]:
    """All crops of one series. Nothing that fails here stops the other studies: it becomes a fault of this one.

    Args:
        dataset: Gives the scan.
        study: The study.
        sequence: The sequence.
        samples: The study's rows of `samples()`.
        variants: From a name to `(Region, Chain)`; a region may be fitted. None for the region gives what tells
            whether the study has the sequence: every eighth voxel, one for all samples.
        points: Gives the study's points, if not `dataset.points`: to read them once for all sequences.
    """
    try:
        image = dataset.load(study, sequence)
    except Exception as error:
        return dict.fromkeys(variants, _nothing(samples, error, "reading the scan"))
    if image is None:
        return dict.fromkeys(variants, StudyCrops([], [-1] * len(samples), []))
    boxes: dict[Region | FittedRegion, Boxes] = {}
    processed: dict[Chain, Image] = {(): image}
    of_region: dict[Region | FittedRegion, dict[Chain, Image]] = {}
    out = {}
    for name, (region, chain) in variants.items():
        doing = _named(region)
        try:
            if region is None:
                thin = replace(image, pixels=image.pixels[::8, ::8, ::8].copy(), mask=None, planes=None)
                out[name] = StudyCrops([thin], [0] * len(samples), [])
                continue
            if region not in boxes:
                of_region[region] = processed if isinstance(region, Region) else {(): region.prepare(image)}
                boxes[region] = _locate(region, of_region[region][()], samples, points or dataset.points, study)
            doing = "the image steps"
            out[name] = _cut(_process(of_region[region], chain), boxes[region])
            if not isinstance(region, Region):
                out[name] = replace(out[name], rating=region.rate(image, of_region[region][()]))
        except Exception as error:
            out[name] = _nothing(samples, error, doing)
        out[name].faults.extend(Fault(-1, *_file_and_why(fault)) for fault in image.faults)
    return out


def _nothing(samples: Sequence[Any], error: Exception, doing: str) -> StudyCrops:
    """No crop, since something failed."""
    if isinstance(error, DataError):
        (file, why), trace = _file_and_why(str(error)), ""
    else:
        said = " ".join(str(error).split())
        file, why, trace = "", f"{doing} failed: {type(error).__name__}: {said}", "".join(format_exception(error))
    return StudyCrops([], [-1] * len(samples), [Fault(i, file, why) for i in range(len(samples))], trace)


def _file_and_why(text: str) -> tuple[str, str]:
    file, colon, why = text.partition(": ")
    return (file, why) if colon else ("", text)


def _locate(
    region: Region | FittedRegion,
    image: Image,
    samples: Sequence[Mapping[str, Any]],
    points: Callable[[str], pd.DataFrame],
    study: str,
) -> Boxes:
    """The box of each sample, or the file and the reason why there is none."""
    nowhere = "", f"{_named(region)} does not find the sample in the image"
    if not isinstance(region, Region) or not region.uses_points:
        return [region.locate(image, sample) or nowhere for sample in samples]
    table = points(study)
    marked = {row["sample"]: row for row in table.rename_axis("sample").reset_index().to_dict("records")}
    boxes: Boxes = []
    for sample in samples:
        row = marked.get(sample["sample"])
        if row is None or row["fault"]:
            boxes.append(_file_and_why(row["fault"]) if row else ("", "no point is marked for the sample"))
        else:
            point = np.array([row["x"], row["y"], row["z"]], dtype=np.float64)
            boxes.append(region.locate(image, {**sample, "point": point}) or nowhere)
    return boxes


def _named(region: Region | FittedRegion | None) -> str:
    return "the region" if not isinstance(region, Region) else f"region {type(region).__name__.lower()}"


def _process(done: dict[Chain, Image], chain: Chain) -> Image:
    """The image after a chain; what two chains share at their start is computed once."""
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


class CropWriter:
    """Writes crops study by study, masks of those around a structure too; memory does not grow with their number."""

    def __init__(self, folder: Path, samples: int) -> None:
        self._folder = folder
        self._pixels = (folder / "pixels.f32").open("wb")
        self._masks = (folder / "masks.i16").open("wb")
        self._structures: list[int] = []
        self._shapes: list[tuple[int, ...]] = []
        self._affines: list[NDArray[np.float64]] = []
        self._digests: list[str] = []
        self._rows = np.full(samples, -1, dtype=np.int64)
        self._faults: list[Fault] = []

    def add(self, positions: Sequence[int], crops: StudyCrops) -> None:
        """Adds a study whose samples stand at some positions of `samples()`."""
        first = len(self._shapes)
        for image in crops.images:
            pixels = np.ascontiguousarray(image.pixels, dtype=np.float32)
            self._pixels.write(pixels.tobytes())
            masked = image.mask is not None and image.structure is not None
            self._structures.append(image.structure if masked and image.structure is not None else NO_MASK)
            if masked:
                self._masks.write(np.ascontiguousarray(image.mask, dtype=np.int16).tobytes())
            self._shapes.append(pixels.shape)
            self._affines.append(image.affine)
            self._digests.append(hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).hexdigest()[:32])
        for position, entry in zip(positions, crops.entry, strict=True):
            self._rows[position] = first + entry if entry >= 0 else -1
        for fault in crops.faults:
            self._faults.append(fault._replace(sample=positions[fault.sample]) if fault.sample >= 0 else fault)

    def close(self) -> None:
        """Writes the index."""
        self._pixels.close()
        self._masks.close()
        shapes = np.asarray(self._shapes, dtype=np.int64).reshape(-1, 3)
        affines = np.asarray(self._affines, dtype=np.float64).reshape(-1, 4, 4)
        structures = np.asarray(self._structures, dtype=np.int64)
        np.savez(self._folder / "index.npz", rows=self._rows, shapes=shapes, affines=affines, structures=structures)
        text = json.dumps({"digests": self._digests, "faults": self._faults})
        (self._folder / "index.json").write_text(text, encoding="utf-8")


class Crops(Sequence[Image]):
    """The crops of a store entry, read when indexed.

    `rows` `(N,)` leads from samples to crops, -1 where there is none; `shapes` `(M, 3)`; `digests` of the pixels;
    `faults` name a sample by its position.
    """

    def __init__(self, folder: Path) -> None:
        with np.load(folder / "index.npz") as index:
            self.rows: NDArray[np.int64] = index["rows"]
            self.shapes: NDArray[np.int64] = index["shapes"]
            self._affines = index["affines"]
            self._structures = index["structures"]
        text = json.loads((folder / "index.json").read_text(encoding="utf-8"))
        self.digests: list[str] = text["digests"]
        self.faults = [Fault(*fault) for fault in text["faults"]]
        sizes = self.shapes.prod(axis=1)
        self._offsets = np.concatenate([[0], np.cumsum(sizes)])
        self._mask_offsets = np.concatenate([[0], np.cumsum(np.where(self._structures == NO_MASK, 0, sizes))])
        self._file, self._masks = folder / "pixels.f32", folder / "masks.i16"

    def __len__(self) -> int:
        return len(self.shapes)

    @overload
    def __getitem__(self, item: int) -> Image: ...
    @overload
    def __getitem__(self, item: slice) -> list[Image]: ...
    def __getitem__(self, item: int | slice) -> Image | list[Image]:
        if isinstance(item, slice):
            return [self[i] for i in range(*item.indices(len(self)))]
        if not -len(self) <= item < len(self):
            raise IndexError(item)
        item %= len(self)
        first, last = int(self._offsets[item]), int(self._offsets[item + 1])
        pixels = np.fromfile(self._file, dtype=np.float32, count=last - first, offset=4 * first)
        image = Image(pixels.reshape(self.shapes[item]), self._affines[item])
        if self._structures[item] == NO_MASK:
            return image
        labels = np.fromfile(self._masks, dtype=np.int16, count=last - first, offset=2 * int(self._mask_offsets[item]))
        return replace(image, mask=labels.reshape(self.shapes[item]), structure=int(self._structures[item]))


class Subset(Sequence[Image]):
    """Some images of a sequence, read when indexed."""

    def __init__(self, images: Sequence[Image], chosen: NDArray[np.int64]) -> None:
        self._images = images
        self._chosen = chosen

    def __len__(self) -> int:
        return len(self._chosen)

    @overload
    def __getitem__(self, item: int) -> Image: ...
    @overload
    def __getitem__(self, item: slice) -> list[Image]: ...
    def __getitem__(self, item: int | slice) -> Image | list[Image]:
        if isinstance(item, slice):
            return [self._images[int(i)] for i in self._chosen[item]]
        return self._images[int(self._chosen[item])]
