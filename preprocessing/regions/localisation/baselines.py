"""Guesses of a point that use no pixel of the scan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from data.base import Float64, Image


@dataclass(frozen=True, eq=False)
class Baselines:
    """The mean places of marks in training patients, LPS mm; NaN for a mark without a point.

    Args:
        mean: `(M, 3)` in the scanner's coordinates.
        centre: `(M, 3)` from the centre of the scan.
    """

    mean: Float64
    centre: Float64

    @classmethod
    def fit(cls, places: Sequence[Float64], centres: Sequence[Float64]) -> Baselines:
        """From the places `(M, 3)` of each scan's marks, NaN without a point, and the scans' centres `(3,)`."""
        return cls(_mean(np.stack(places)), _mean(np.stack(places) - np.stack(centres)[:, None]))

    def places(self, image: Image) -> dict[str, Float64]:
        """`(M, 3)` LPS mm of each baseline in a scan."""
        return {"mean": self.mean, "centre": self.centre + centre_of(image)}


def centre_of(image: Image) -> Float64:
    """LPS mm `(3,)` of a scan's centre: the mean of its slices' centres."""
    depth, height, width = image.pixels.shape
    middles = [(d, (height - 1) / 2, (width - 1) / 2) for d in range(depth)]
    return np.asarray(image.position(np.asarray(middles)).mean(axis=0), dtype=np.float64)


def _mean(places: Float64) -> Float64:
    known = np.isfinite(places)
    counts = np.where(known.any(axis=0), known.sum(axis=0), np.nan)
    return np.asarray(np.where(known, places, 0).sum(axis=0) / counts, dtype=np.float64)
