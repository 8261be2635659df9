"""The mean of the nearest training samples for the sequences that a sample lacks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from data.base import Float32
from encoders.missing.base import Filler, Missing
from encoders.scaling.sequences import SequenceScales

DISTANCES = 1 << 24  # held in memory at a time, one for each pair of a sample to fill and a training sample


@dataclass(frozen=True, kw_only=True)
class Neighbours(Missing):
    """An absent sequence gets its mean over the k nearest training samples that have it.

    The distance of two samples is the mean squared difference of their standardised features over the sequences that
    both have. Where fewer than k training samples share a sequence with the sample, the mean is over these; where none
    does, the sample gets the training mean.

    Args:
        k: The number of neighbours.

    References:
        O. Troyanskaya et al., Missing value estimation methods for DNA microarrays, Bioinformatics 2001,
        doi:10.1093/bioinformatics/17.6.520.
    """

    words = "the mean over the nearest training samples"
    cites = ("troyanskaya2001",)

    learns: ClassVar[bool] = True

    k: int = 10

    def __post_init__(self) -> None:
        if self.k < 1:
            raise ValueError(f"k ({self.k}) must be at least 1: use k=10")

    def fit(self, values: Float32, present: NDArray[np.bool_], *, groups: NDArray[np.str_], seed: int) -> Filler:
        """Keeps the training samples."""
        scales = SequenceScales.of_means(values, present)
        squares = np.stack([(scales(values[:, s], s) ** 2).sum(axis=1) for s in range(values.shape[1])], axis=1)
        return _NeighbourFiller(self.k, values, present, scales, squares)


@dataclass(frozen=True, eq=False)
class _NeighbourFiller:
    k: int
    values: Float32
    present: NDArray[np.bool_]
    scales: SequenceScales
    squares: Float32

    def __call__(self, values: Float32, present: NDArray[np.bool_]) -> Float32:
        filled = np.where(present[:, :, None], values, self.scales.mean)
        lacking = np.flatnonzero(~present.all(axis=1) & present.any(axis=1))
        step = max(1, DISTANCES // max(1, len(self.values)))
        for start in range(0, len(lacking), step):
            part = lacking[start : start + step]
            distances = self._distances(values[part], present[part])
            for sequence in range(values.shape[1]):
                rows = ~present[part, sequence]
                self._fill(filled, part[rows], sequence, distances[rows])
        return filled

    def _fill(self, filled: Float32, samples: NDArray[np.int64], sequence: int, distances: Float32) -> None:
        having = np.flatnonzero(self.present[:, sequence])
        k = min(self.k, len(having))
        if not k or not len(samples):
            return
        distances = distances[:, having]
        nearest = np.argpartition(distances, k - 1, axis=1)[:, :k]
        shares = np.isfinite(np.take_along_axis(distances, nearest, axis=1))
        for sample, neighbours, share in zip(samples, having[nearest], shares, strict=True):
            if share.any():
                filled[sample, sequence] = self.values[np.sort(neighbours[share]), sequence].mean(axis=0)

    def _distances(self, values: Float32, present: NDArray[np.bool_]) -> Float32:
        """`(n, training samples)` float32; infinite where two samples share no sequence."""
        total = np.zeros((len(values), len(self.values)), dtype=np.float32)
        shared = np.zeros_like(total)
        for s in range(values.shape[1]):
            both = (present[:, s, None] & self.present[:, s]).astype(np.float32)
            a = self.scales(values[:, s], s)
            # Standardised training values would take as much memory again, so the other side is scaled twice.
            b = a * self.scales.inverse[s]
            product = b @ self.values[:, s].T - (b @ self.scales.mean[s])[:, None]
            total += both * ((a**2).sum(axis=1)[:, None] + self.squares[:, s] - 2 * product)
            shared += both
        return np.where(shared > 0, total / np.maximum(shared, 1), np.float32(np.inf))
