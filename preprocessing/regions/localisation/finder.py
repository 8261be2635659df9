"""Both stages of one sequence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.base import Float64, Image
from preprocessing.regions.localisation.baselines import Baselines
from preprocessing.regions.localisation.coordinates import PointStage
from preprocessing.regions.localisation.instance import SliceStage, VolumeStage
from preprocessing.regions.localisation.levels import LEVEL, LevelChain, counted
from preprocessing.regions.localisation.marks import PointKind
from preprocessing.regions.localisation.peaks import likeliest_slices, peaks_of
from preprocessing.regions.localisation.stack import Stack
from preprocessing.regions.localisation.training import one_thread


@dataclass(frozen=True, eq=False)
class Finder:
    """Finds the marks of one sequence.

    Args:
        marks: The marks that it finds, in the order of its outputs.
        instance: Finds the slice.
        coordinates: Finds the place in the slice.
        size: The side of the squares that slices are resized to.
        baselines: The guesses that use no pixel.
        device: `"cpu"` or `"cuda"`.
        chains: The marks that are numbered together.
    """

    marks: Sequence[PointKind]
    instance: SliceStage | VolumeStage
    coordinates: PointStage
    size: int
    baselines: Baselines
    device: str = "cpu"
    chains: Sequence[LevelChain] = ()

    def find(self, image: Image, *, lowest: str = "") -> tuple[NDArray[np.int64], Float64]:
        """Each mark's slice `(M,)` in a scan, and its place `(M, 3)`, LPS mm.

        Args:
            image: The scan.
            lowest: The lowest level that the scan shows, if it is known; marks of levels below it have slice -1.
        """
        stack = Stack.of(image, self.size)
        with one_thread(self.device):
            scores = self.instance.scores(stack)
            slices = np.asarray(scores.argmax(axis=0), dtype=np.int64)
            points = self.coordinates.predict(stack, slices)
            for chain in self.chains if self.coordinates.heatmaps else ():
                self._count(chain, image, stack, scores, slices, points, lowest)
        places = [
            stack.position(image, d, point) if d >= 0 else np.full(3, np.nan)
            for d, point in zip(slices, points, strict=True)
        ]
        return slices, np.stack(places)

    def _count(
        self,
        chain: LevelChain,
        image: Image,
        stack: Stack,
        scores: Float64,
        slices: NDArray[np.int64],
        points: Float64,
        lowest: str,
    ) -> None:
        """Numbers the levels of a chain together; changes their `slices` and `points`."""
        marks = chain.marks
        searched = likeliest_slices(scores[:, marks])
        maps = self.coordinates.maps(stack, searched)[:, marks]
        cell = stack.spacing * stack.frame.size / np.asarray(maps.shape[2:])
        peaks = peaks_of(scores[:, marks], maps, searched, cell)
        strongest = peaks.points[peaks.there.argmax(axis=0), np.arange(len(peaks.slices))]
        at = [stack.position(image, d, point) for d, point in zip(peaks.slices, strongest, strict=True)]
        levels = [dict(self.marks[i])[LEVEL] for i in marks]
        first = levels.index(lowest) if lowest in levels else None
        path = counted(chain, peaks, np.reshape(at, (-1, 3)), lowest=first)
        if path is not None:
            slices[marks] = np.where(path >= 0, peaks.slices[path], -1)
            points[marks] = np.where((path >= 0)[:, None], peaks.points[np.arange(len(marks)), path], np.nan)


def errors(image: Image, annotated: Float64, found: Float64, slice_: int | None = None) -> tuple[float, float, float]:
    """How far a place lies from the annotated one (LPS mm): in slices, along the slice's normal in mm, in space in mm.

    Args:
        image: The scan whose slices are counted.
        annotated: `(3,)`.
        found: `(3,)`; NaN gives NaN.
        slice_: The slice of the found place, if it is known.
    """
    if not np.isfinite(found).all():
        return np.nan, np.nan, np.nan
    marked = _slice(image, annotated)
    normal = image.directions[0]
    if image.planes is not None:
        normal = image.planes[marked, :3, 0] / np.linalg.norm(image.planes[marked, :3, 0])
    away = found - annotated
    slices = abs((_slice(image, found) if slice_ is None else slice_) - marked)
    return float(slices), float(abs(away @ normal)), float(np.linalg.norm(away))


def _slice(image: Image, place: Float64) -> int:
    return int(np.clip(np.rint(image.index(place)[0]), 0, len(image.pixels) - 1))
