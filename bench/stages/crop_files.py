"""Crops as files, which are written study by study and read when indexed."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import overload

import numpy as np
import xxhash
from numpy.typing import NDArray

from bench.stages.crops import Fault, StudyCrops
from data.base import Image

NO_MASK = -1


class CropWriter:
    """Writes crops study by study, with the masks of structures; memory does not grow with the number of studies."""

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
        """Adds the crops of a study; `positions` are the positions of its samples in `samples()`."""
        first = len(self._shapes)
        for image in crops.images:
            pixels = np.ascontiguousarray(image.pixels, dtype=np.float32)
            self._pixels.write(pixels.data)
            masked = image.mask is not None and image.structure is not None
            self._structures.append(image.structure if masked and image.structure is not None else NO_MASK)
            if masked:
                self._masks.write(np.ascontiguousarray(image.mask, dtype=np.int16).data)
            self._shapes.append(pixels.shape)
            self._affines.append(image.affine)
            digest = xxhash.xxh3_128(repr(pixels.shape).encode())
            digest.update(pixels.data)
            self._digests.append(digest.hexdigest())
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


class _Images(Sequence[Image]):
    """Images that are read when indexed."""

    @abstractmethod
    def read(self, item: int) -> Image:
        """One image."""

    @overload
    def __getitem__(self, item: int) -> Image: ...
    @overload
    def __getitem__(self, item: slice) -> list[Image]: ...
    def __getitem__(self, item: int | slice) -> Image | list[Image]:
        if isinstance(item, slice):
            return [self.read(i) for i in range(*item.indices(len(self)))]
        if not -len(self) <= item < len(self):
            raise IndexError(item)
        return self.read(item % len(self))


class Crops(_Images):
    """The crops of a store entry, read when indexed.

    `rows` `(N,)` holds the position of each sample's crop, or -1 if it has none. `shapes` is `(M, 3)`; `digests` are
    those of the pixels. `faults` name a sample by its position.
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

    def read(self, item: int) -> Image:
        """One crop, with its mask if it lies around a structure."""
        first, last = int(self._offsets[item]), int(self._offsets[item + 1])
        pixels = np.fromfile(self._file, dtype=np.float32, count=last - first, offset=4 * first)
        image = Image(pixels.reshape(self.shapes[item]), self._affines[item])
        if self._structures[item] == NO_MASK:
            return image
        labels = np.fromfile(self._masks, dtype=np.int16, count=last - first, offset=2 * int(self._mask_offsets[item]))
        return replace(image, mask=labels.reshape(self.shapes[item]), structure=int(self._structures[item]))


class Subset(_Images):
    """Some images of a sequence, read when indexed."""

    def __init__(self, images: Sequence[Image], chosen: NDArray[np.int64]) -> None:
        self._images = images
        self._chosen = chosen

    def __len__(self) -> int:
        return len(self._chosen)

    def read(self, item: int) -> Image:
        """One of the chosen images."""
        return self._images[int(self._chosen[item])]
