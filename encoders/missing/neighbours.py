"""The mean of the nearest training samples for a sequence that a sample lacks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from data.base import Float32
from encoders.missing.base import Filler, Missing, Standard

DISTANCES = 1 << 24  # that are held at a time, a number for each sample to fill and training sample


@dataclass(frozen=True, kw_only=True)
class Neighbours(Missing):
    """An absent sequence gets its mean over the k nearest training samples that have it.

    Near is the mean squared difference of standardised features over the sequences that both samples have. Where fewer
    than k training samples share a sequence, they are all there is; where none does, it is the training mean.

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
        standard = Standard.of(values, present)
        squares = np.stack([(standard(values[:, s], s) ** 2).sum(axis=1) for s in range(values.shape[1])], axis=1)
        return _NeighbourFiller(self.k, values, present, standard, squares)


@dataclass(frozen=True, eq=False)
class _NeighbourFiller:
    k: int
    values: Float32
    present: NDArray[np.bool_]
    standard: Standard
    squares: Float32

    def __call__(self, values: Float32, present: NDArray[np.bool_]) -> Float32:
        filled = np.where(present[:, :, None], values, self.standard.mean)
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
        """`(n, training samples)`; infinite where no sequence is shared."""
        total = np.zeros((len(values), len(self.values)), dtype=np.float32)
        shared = np.zeros_like(total)
        for s in range(values.shape[1]):
            both = (present[:, s, None] & self.present[:, s]).astype(np.float32)
            a = self.standard(values[:, s], s)
            # Training values are not standardised, which would take as much memory again: the samples' side is, twice.
            b = a * self.standard.scale[s]
            product = b @ self.values[:, s].T - (b @ self.standard.mean[s])[:, None]
            total += both * ((a**2).sum(axis=1)[:, None] + self.squares[:, s] - 2 * product)
            shared += both
        return np.where(shared > 0, total / np.maximum(shared, 1), np.float32(np.inf))
