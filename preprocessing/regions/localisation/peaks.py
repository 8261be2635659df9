"""Places in a scan where heat maps of a spine's levels have a peak."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.base import Float64

SLICES = 3  # likeliest slices of each level that are searched
LEAST = 1e-3  # the least probability of a cell that is a peak
AROUND = 18.0  # mm: half of the usual distance of lumbar discs


@dataclass(frozen=True, eq=False)
class Peaks:
    """C peaks of the heat maps of K levels.

    Args:
        slices: `(C,)` the slice of each peak.
        there: `(K, C)` the probability that each level's map of that slice has around the peak.
        likely: `(K, C)` the same times the probability of the slice.
        points: `(K, C, 2)` where each level lies around a peak, as shares of height and width: the mean of its own map,
            or of the map that is strongest there if its own has next to nothing.
    """

    slices: NDArray[np.int64]
    there: Float64
    likely: Float64
    points: Float64


def likeliest_slices(scores: Float64) -> NDArray[np.int64]:
    """The slices to search, from the logarithms `(D, K)` of the probabilities that levels lie in them."""
    best = np.argsort(-scores, axis=0, kind="stable")[:SLICES]
    return np.unique(best[np.isfinite(np.take_along_axis(scores, best, axis=0))])


def peaks_of(scores: Float64, maps: Float64, slices: NDArray[np.int64], cell: Float64) -> Peaks:
    """The peaks in some slices.

    Args:
        scores: `(D, K)` logarithms of the probabilities that levels lie in slices.
        maps: `(S, K, h, w)` heat maps of the slices, each of sum 1.
        slices: `(S,)` the slices.
        cell: Height and width of a map's cell, mm.
    """
    from scipy.ndimage import maximum_filter

    height, width = maps.shape[2:]
    h, w = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
    shares = np.stack([(h + 0.5) / height, (w + 0.5) / width], axis=-1)
    found: list[tuple[int, Float64, Float64]] = []
    for slice_, here in zip(slices, maps, strict=True):
        top = (here == maximum_filter(here, (1, 3, 3))) & (here > LEAST)
        for row, column in np.argwhere(top.any(axis=0)):
            near = ((h - row) * cell[0]) ** 2 + ((w - column) * cell[1]) ** 2 <= AROUND**2
            inside = here[:, near]
            mass = inside.sum(axis=1)
            points = inside @ shares[near] / np.maximum(mass, 1e-12)[:, None]
            points[mass < 0.05] = points[mass.argmax()]
            found.append((int(slice_), mass, points))
    if not found:
        empty = np.zeros((maps.shape[1], 0))
        return Peaks(np.zeros(0, dtype=np.int64), empty, empty, np.zeros((maps.shape[1], 0, 2)))
    where = np.asarray([one[0] for one in found])
    there = np.stack([one[1] for one in found], axis=1)
    likely = there * np.exp(scores[where]).T
    return Peaks(where, there, likely, np.stack([one[2] for one in found], axis=1))
