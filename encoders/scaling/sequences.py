"""Features of each sequence with mean 0 and standard deviation 1 over the training samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.base import Float32, Float64
from data.numerics.scaling import inverse_deviation
from encoders.base import Tokens

LIMIT = 10.0  # standard deviations: a feature that hardly varies in training may be hundreds away in a test sample


@dataclass(frozen=True, eq=False)
class SequenceScales:
    """The mean and the inverse standard deviation of each feature of each sequence.

    Args:
        mean: `(S, F)` float32; zeros for a sequence that no training sample has.
        inverse: `(S, F)` float32: one divided by the standard deviation; 0 for a constant feature.
    """

    mean: Float32
    inverse: Float32

    @classmethod
    def of_means(cls, values: Float32, present: NDArray[np.bool_]) -> SequenceScales:
        """From slice means `(N, S, F)` of the training samples that have a sequence, `present` `(N, S)`."""
        mean = np.zeros(values.shape[1:], dtype=np.float32)
        inverse = np.zeros_like(mean)
        for s in range(values.shape[1]):
            having = values[present[:, s], s]
            if len(having):
                mean[s] = having.mean(axis=0, dtype=np.float64)
                inverse[s] = inverse_deviation(mean[s], having.std(axis=0, dtype=np.float64))
        return cls(mean, inverse)

    @classmethod
    def of_tokens(cls, tokens: Sequence[Tokens]) -> SequenceScales:
        """From the tokens that are present, one `Tokens` for each sequence; they are read in chunks."""
        means, inverses = zip(*(_moments(one) for one in tokens), strict=True)
        return cls(np.stack(means).astype(np.float32), np.stack(inverses).astype(np.float32))

    def __call__(self, values: Float32, sequence: int) -> Float32:
        """Values `(n, F)` of one sequence, standardised and cut at `LIMIT`."""
        scaled = (values - self.mean[sequence]) * self.inverse[sequence]
        return np.asarray(scaled.clip(-LIMIT, LIMIT), dtype=np.float32)


def _moments(tokens: Tokens) -> tuple[Float64, Float64]:
    """Mean and inverse standard deviation, `(F,)` each.

    References:
        T. Chan, G. Golub, R. LeVeque, Algorithms for computing the sample variance, The American Statistician 1983,
        doi:10.1080/00031305.1983.10483115.
    """
    count = 0
    mean = np.zeros(tokens.values.shape[2])
    squares = np.zeros_like(mean)
    for values in tokens.entries():
        if not len(values):
            continue
        step = values.mean(axis=0, dtype=np.float64) - mean
        share = len(values) / (count + len(values))
        squares += values.var(axis=0, dtype=np.float64) * len(values) + step**2 * share * count
        mean += step * share
        count += len(values)
    return mean, inverse_deviation(mean, np.sqrt(squares / max(count, 1)))
