"""A scan as the networks see it, and where its marks lie in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.base import Float64, Image
from preprocessing.regions.base import Study
from preprocessing.regions.localisation.marks import PointKind, mark_of, usable_points
from preprocessing.regions.localisation.square import SquareFrame
from preprocessing.regions.networks.pixels import scaled

ROUNDING = 1e-6


@dataclass(frozen=True, eq=False)
class Stack:
    """The slices of a scan, all resized to one square.

    Args:
        patient: The patient whose scan it is.
        frame: How the slices were resized.
        pixels: `(D, size, size)` float16, 0 to 1.
        spacing: Distance of the square's pixels along its rows and columns, mm.
        slices: `(M,)` the slice of each mark, from 0; -1 if the scan has no point of it.
        points: `(M, 2)` the place of each mark in its slice, as shares of height and width (edge to edge); NaN if the
            scan has no point of it.
    """

    patient: str
    frame: SquareFrame
    pixels: NDArray[np.float16]
    spacing: Float64
    slices: NDArray[np.int64]
    points: Float64

    @classmethod
    def of(cls, image: Image, size: int, *, patient: str = "", places: Float64 | None = None) -> Stack:
        """The stack of an image.

        Args:
            image: The scan.
            size: The square's side.
            patient: The patient whose scan it is.
            places: `(M, 3)` LPS mm of the marks, NaN for a mark without a point; None if no mark is known.
        """
        depth, *shape = image.pixels.shape
        frame = SquareFrame((shape[0], shape[1]), size)
        spacing = np.asarray(image.spacing)[1:] * np.diag(frame.affine)[:2]
        places = np.empty((0, 3)) if places is None else places
        slices, points = np.full(len(places), -1), np.full((len(places), 2), np.nan)
        known = np.flatnonzero(np.isfinite(places).all(axis=1))
        if known.size:
            index = image.index(places[known])
            last = np.asarray(image.pixels.shape) - 1
            inside = ((index >= -0.5 - ROUNDING) & (index <= last + 0.5 + ROUNDING)).all(axis=1)
            slices[known[inside]] = np.clip(np.rint(index[inside, 0]), 0, depth - 1)
            points[known[inside]] = (frame.resized(index[inside, 1:]) + 0.5) / size
        pixels = frame.pixels(scaled(image.pixels)).astype(np.float16)
        return cls(patient, frame, pixels, spacing, slices, points)

    def position(self, image: Image, slice_: int, point: Float64) -> Float64:
        """LPS mm `(3,)` in the stack's image of a slice and a share `(2,)` of its height and width."""
        h, w = self.frame.native(point * self.frame.size - 0.5)
        return image.position((slice_, h, w))


def places_of(study: Study, sequence: str, marks: Sequence[PointKind]) -> Float64:
    """`(M, 3)` LPS mm of the study's usable points that were marked in a sequence; NaN for marks without one."""
    usable = usable_points(study)
    row = {mark: i for i, mark in enumerate(marks)}
    places = np.full((len(marks), 3), np.nan)
    for sample in study.samples:
        marked, place = usable.get(sample["sample"], ("", None))
        i = row.get(mark_of(sample))
        if place is not None and marked == sequence and i is not None:
            places[i] = place
    return places
