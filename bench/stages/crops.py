"""Scans to crops: load, find the boxes on the unprocessed image, process it whole, cut.

A series is read once for all regions and image chains that need it. Samples that share (study, box) share an entry.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from data.base import Box, DataError, Dataset, Image
from data.crop import crop
from preprocessing.images.base import ImageStep
from preprocessing.regions.base import Region

Chain = tuple[ImageStep, ...]


@dataclass(frozen=True)
class StudyCrops:
    """The crops of one study in one sequence under one region and image chain.

    Args:
        images: The distinct crops.
        entry: From the study's samples to `images`; -1 where the image does not show the sample.
        reasons: Why, for each sample with -1; `""` where the study lacks the sequence.
    """

    images: list[Image]
    entry: list[int]
    reasons: list[str]


def cut_study(
    dataset: Dataset, study: str, sequence: str, samples: Sequence[Mapping[str, Any]], variants: Mapping[str, Any]
) -> dict[str, StudyCrops]:
    """All crops of one series.

    Args:
        dataset: Gives the scan.
        study: The study.
        sequence: The sequence.
        samples: The study's rows of `samples()`.
        variants: From a name to `(Region, Chain)`.
    """
    try:
        image = dataset.load(study, sequence)
    except DataError as error:
        return {name: StudyCrops([], [-1] * len(samples), [str(error)] * len(samples)) for name in variants}
    if image is None:
        return {name: StudyCrops([], [-1] * len(samples), [""] * len(samples)) for name in variants}
    boxes: dict[Region, list[Box | None]] = {}
    processed: dict[Chain, Image] = {(): image}
    out = {}
    for name, (region, chain) in variants.items():
        if region not in boxes:
            boxes[region] = [region.locate(image, sample) for sample in samples]
        out[name] = _cut(_process(processed, chain), boxes[region], region)
    return out


def _process(done: dict[Chain, Image], chain: Chain) -> Image:
    """The image after a chain; what two chains share at their start is computed once."""
    if chain not in done:
        done[chain] = chain[-1](_process(done, chain[:-1]))
    return done[chain]


def _cut(image: Image, boxes: Sequence[Box | None], region: Region) -> StudyCrops:
    background = float(image.pixels.min())
    found: dict[Box, int] = {}
    images: list[Image] = []
    entry, reasons = [], []
    for box in boxes:
        if box is None:
            entry.append(-1)
            reasons.append(f"region {type(region).__name__.lower()} does not find the sample in the image")
            continue
        try:
            if box not in found:
                images.append(crop(image, box, background=background))
                found[box] = len(images) - 1
        except DataError as error:
            entry.append(-1)
            reasons.append(str(error))
            continue
        entry.append(found[box])
        reasons.append("")
    return StudyCrops(images, entry, reasons)


class CropWriter:
    """Writes crops study by study; memory does not grow with their number of pixels."""

    def __init__(self, folder: Path, samples: int) -> None:
        self._folder = folder
        self._pixels = (folder / "pixels.f32").open("wb")
        self._shapes: list[tuple[int, ...]] = []
        self._affines: list[NDArray[np.float64]] = []
        self._digests: list[str] = []
        self._rows = np.full(samples, -1, dtype=np.int64)
        self._faults: list[tuple[int, str]] = []

    def add(self, positions: Sequence[int], crops: StudyCrops) -> None:
        """Adds a study whose samples stand at some positions of `samples()`."""
        first = len(self._shapes)
        for image in crops.images:
            pixels = np.ascontiguousarray(image.pixels, dtype=np.float32)
            self._pixels.write(pixels.tobytes())
            self._shapes.append(pixels.shape)
            self._affines.append(image.affine)
            self._digests.append(hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).hexdigest()[:32])
        for position, entry, reason in zip(positions, crops.entry, crops.reasons, strict=True):
            self._rows[position] = first + entry if entry >= 0 else -1
            if reason:
                self._faults.append((position, reason))

    def close(self) -> None:
        """Writes the index."""
        self._pixels.close()
        shapes = np.asarray(self._shapes, dtype=np.int64).reshape(-1, 3)
        affines = np.asarray(self._affines, dtype=np.float64).reshape(-1, 4, 4)
        np.savez(self._folder / "index.npz", rows=self._rows, shapes=shapes, affines=affines)
        text = json.dumps({"digests": self._digests, "faults": self._faults})
        (self._folder / "index.json").write_text(text, encoding="utf-8")


class Crops(Sequence[Image]):
    """The crops of a store entry, read when indexed.

    `rows` `(N,)` leads from samples to crops, -1 where there is none; `shapes` `(M, 3)`; `digests` of the pixels;
    `faults` are pairs of a sample's position and why it has no crop.
    """

    def __init__(self, folder: Path) -> None:
        with np.load(folder / "index.npz") as index:
            self.rows: NDArray[np.int64] = index["rows"]
            self.shapes: NDArray[np.int64] = index["shapes"]
            self._affines = index["affines"]
        text = json.loads((folder / "index.json").read_text(encoding="utf-8"))
        self.digests: list[str] = text["digests"]
        self.faults: list[tuple[int, str]] = [(int(i), reason) for i, reason in text["faults"]]
        self._offsets = np.concatenate([[0], np.cumsum(self.shapes.prod(axis=1))])
        self._file = folder / "pixels.f32"

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
        return Image(pixels.reshape(self.shapes[item]), self._affines[item])


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
