"""The contract of what fills a sequence that a sample lacks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from data.base import Float32
from data.describing.plug_in import Description, PlugIn

LIMIT = 10.0  # deviations from the mean


class Filler(Protocol):
    """A fitted filler."""

    def __call__(self, values: Float32, present: NDArray[np.bool_]) -> Float32:
        """`(N, S, F)` with every absent sequence filled; what is present is passed on unchanged."""
        ...


class Missing(PlugIn):
    """Fills absent sequences of slice-averaged embeddings. `present` stays the truth for what comes after."""

    learns: ClassVar[bool] = False

    def fit(self, values: Float32, present: NDArray[np.bool_], *, groups: NDArray[np.str_], seed: int) -> Filler:
        """Learns from the training samples of the fold.

        Args:
            values: `(N, S, F)` float32, zeros where absent.
            present: `(N, S)` bool.
            groups: `(N,)` patient of each sample.
            seed: For what draws.
        """
        raise NotImplementedError

    def describe(self) -> Description:
        """With what it learns from: embeddings, without labels."""
        return replace(super().describe(), learns="images" if self.learns else "nothing")


@dataclass(frozen=True, eq=False)
class Standard:
    """Puts the features of each sequence on one scale: less the mean, times the inverse deviation.

    Args:
        mean: `(S, F)` float32, over the training samples that have the sequence; zeros where none has.
        scale: `(S, F)` float32; 0 for a constant feature.
    """

    mean: Float32
    scale: Float32

    @classmethod
    def of(cls, values: Float32, present: NDArray[np.bool_]) -> Standard:
        """Of the training samples."""
        mean = np.zeros(values.shape[1:], dtype=np.float32)
        scale = np.zeros_like(mean)
        for s in range(values.shape[1]):
            having = values[present[:, s], s]
            if len(having):
                mean[s] = having.mean(axis=0, dtype=np.float64)
                deviation = having.std(axis=0, dtype=np.float64)
                constant = deviation <= 1e-7 * np.maximum(np.abs(mean[s]), 1e-30)
                scale[s] = np.where(constant, 0, 1 / np.where(constant, 1, deviation))
        return cls(mean, scale)

    def __call__(self, values: Float32, sequence: int) -> Float32:
        """`(n, F)` of one sequence; a feature that hardly varied in training may be no more than `LIMIT` away."""
        standard = (values - self.mean[sequence]) * self.scale[sequence]
        return np.asarray(standard.clip(-LIMIT, LIMIT), dtype=np.float32)
