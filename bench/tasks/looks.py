"""Looks at scans while they are read, and finds the near-duplicates among them."""

from __future__ import annotations

import dataclasses
import heapq
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.plan.likeness import LIKELY, Alike, Placement, alike
from bench.plan.near_duplicates import SAME, NearDuplicate
from bench.plan.plan import Plan
from bench.stages.copies import compare, side_by_side
from bench.stages.looks import look
from bench.tasks.local import Watcher
from bench.tasks.notes import made_by
from bench.tasks.store import PAIRS, SCANS, Store
from data.base import DataError, Dataset, Float32, Image
from data.geometry.unplaced import has_spacing

if TYPE_CHECKING:
    import pandas as pd

FILE = "looks.npy"
DRAWN = 24
"""So many pairs are kept as pictures."""
_COMPARED = 200
_OPEN = 8
_SAMPLED = 100_000


class LookingDataset(Dataset):
    """A dataset that notes the look of each scan of one sequence that is read from it.

    Args:
        dataset: The dataset.
    """

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self.looks: dict[str, NDArray[np.uint8]] = {}
        self.scans: dict[str, dict[str, float | None]] = {}

    def load(self, study: str, sequence: str) -> Image | None:
        """As the dataset does."""
        image = self._dataset.load(study, sequence)
        if image is not None:
            self.looks[study] = look(image.pixels)
            self.scans[study] = _numbers(image)
        return image

    def points(self, study: str) -> pd.DataFrame:
        """As the dataset does."""
        return self._dataset.points(study)

    def keep(self, store: Store, key: str, studies: Sequence[str]) -> None:
        """Keeps the looks of some studies in the store; a study without a scan that can be read has an empty one."""
        empty = np.zeros((3, 2, 32), dtype=np.uint8)
        looks = np.array([self.looks.get(study, empty) for study in studies], dtype=np.uint8)
        scans = {study: self.scans[study] for study in studies if study in self.scans}

        def write(to: Path) -> None:
            np.save(to / FILE, looks)
            (to / SCANS).write_text(json.dumps(scans), encoding="utf-8")

        store.put("looks", key, write, made_by("looks", len(looks)))


def _numbers(image: Image) -> dict[str, float | None]:
    """The shape, spacing (mm) and grey values of a scan; percentiles are of every n-th voxel of a large one.

    The spacing is None where the file gave none.
    """
    pixels = image.pixels.ravel()
    low, middle, high = np.percentile(pixels[:: max(1, pixels.size // _SAMPLED)], (1, 50, 99)).tolist()
    shape, spacing = image.pixels.shape, image.spacing if has_spacing(image) else (None, None, None)
    numbers: dict[str, float | None] = {"slices": shape[0], "height": shape[1], "width": shape[2]}
    numbers |= {"slice_mm": spacing[0], "height_mm": spacing[1], "width_mm": spacing[2]}
    return numbers | {"p1": low, "median": middle, "p99": high}


def find_near_duplicates(plan: Plan, store: Store, progress: Watcher) -> None:
    """Looks for near-duplicates under two patients among the scans of a plan, whose looks are in the store.

    Scans that look alike are read again, the most alike first, and compared by their pixels. At most as many pairs as
    there are scans, and 200 more, are compared; the entry notes how many were not.
    """
    key = plan.keys.near_duplicates(plan.sequences())
    if store.find("near_duplicates", key) is not None:
        return
    patients = dict(zip(plan.samples["study"].astype(str), plan.patients.tolist(), strict=True))
    everything = [(study, sequence) for sequence in plan.sequences() for study in patients]
    looks = np.concatenate([_looks(plan, store, sequence) for sequence in plan.sequences()])
    seen = np.asarray(looks.any(axis=(1, 2, 3)))
    scans = [scan for scan, there in zip(everything, seen, strict=True) if there]
    limit, total = _COMPARED + len(scans), 0

    def likely() -> Iterator[Alike]:
        nonlocal total
        for one in alike(looks[seen], None, LIKELY):
            if patients[scans[one.first][0]] != patients[scans[one.second][0]]:
                total += 1
                yield one

    candidates = heapq.nlargest(limit, likely(), key=lambda one: one.likeness)
    pairs, pictures = _confirmed(plan.dataset, scans, patients, candidates, progress)
    content = {
        "pairs": [dataclasses.asdict(pair) for pair in pairs],
        "scans": len(scans),
        "compared": len(candidates),
        "not_compared": total - len(candidates),
    }

    def write(draft: Path) -> None:
        (draft / PAIRS).write_text(json.dumps(content, indent=1), encoding="utf-8")
        for number, picture in enumerate(pictures, start=1):
            (draft / f"{number}.png").write_bytes(cv2.imencode(".png", picture)[1].tobytes())

    store.put("near_duplicates", key, write, made_by("near-duplicates", plan.sequences()))


def _looks(plan: Plan, store: Store, sequence: str) -> NDArray[np.uint8]:
    """`(S, 3, 2, 32)` uint8: the looks of a sequence's scans, for each study of the plan."""
    folder = store.find("looks", plan.keys.looks(sequence))
    assert folder is not None
    return np.asarray(np.load(folder / FILE))


def _confirmed(
    dataset: Dataset,
    scans: Sequence[tuple[str, str]],
    patients: Mapping[str, str],
    candidates: Sequence[Alike],
    progress: Watcher,
) -> tuple[list[NearDuplicate], list[NDArray[np.uint8]]]:
    """The candidates that are copies by their pixels, and pictures of the first of them.

    Scans that a chain of copies already links are not compared again.
    """
    load = lru_cache(_OPEN)(lambda scan: _load(dataset, *scan))
    linked = list(range(len(scans)))

    def root(scan: int) -> int:
        while linked[scan] != scan:
            scan = linked[scan]
        return scan

    pairs: list[NearDuplicate] = []
    pictures: list[NDArray[np.uint8]] = []
    progress.begin_images("comparing scans that look alike", len(candidates), "pair")
    for one in candidates:
        progress.images()
        roots = root(one.first), root(one.second)
        if roots[0] == roots[1]:
            continue
        first, second = load(scans[one.first]), load(scans[one.second])
        if first is None or second is None:
            continue
        agreement = compare(first, second, one.placement)
        if not agreement.copied:
            continue
        linked[max(roots)] = min(roots)
        (study, sequence), (other, other_sequence) = scans[one.first], scans[one.second]
        pairs.append(
            NearDuplicate(
                patients=(patients[study], patients[other]),
                studies=(study, other),
                sequences=(sequence, other_sequence),
                likeness=round(one.likeness, 3),
                whole=round(agreement.whole, 4),
                detail=round(agreement.detail, 4),
                change=_change(first, second, one.placement),
            )
        )
        if len(pictures) < DRAWN:
            pictures.append(side_by_side(first, second))
    return pairs, pictures


def _load(dataset: Dataset, study: str, sequence: str) -> Float32 | None:
    try:
        image = dataset.load(study, sequence)
    except DataError:
        return None
    return None if image is None else image.pixels


def _change(first: Float32, second: Float32, how: Placement) -> str:
    """How the second scan differs from the first, in words."""
    if first.shape == second.shape and np.array_equal(first, second):
        return SAME
    turned = ("turned" if how.swapped else "", "upside down" if how.upside_down else "")
    words = [*turned, "mirrored" if how.mirrored else ""]
    if how.swapped and how.upside_down != how.mirrored:
        words = ["turned by 90 degrees"]
    elif how.upside_down and how.mirrored:
        words = ["turned by 180 degrees"]
    if first.shape != second.shape:
        words.append("another size or border" if how.trimmed else "another size")
    return ", ".join(filter(None, words)) or "other grey values"
