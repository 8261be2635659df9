"""The training mean for the sequences that a sample lacks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from data.base import Float32
from encoders.missing.base import Filler, Missing
from encoders.missing.filling.means import training_means


@dataclass(frozen=True, kw_only=True)
class TrainingMean(Missing):
    """An absent sequence gets its mean over the training samples that have it.

    A sequence that no training sample has is filled with zeros.
    """

    words = "the mean of the sequence over the training samples"

    learns: ClassVar[bool] = True

    def fit(self, values: Float32, present: NDArray[np.bool_], *, groups: NDArray[np.str_], seed: int) -> Filler:
        """Learns one vector for each sequence."""
        return _MeanFiller(training_means(values, present))


@dataclass(frozen=True, eq=False)
class _MeanFiller:
    means: Float32

    def __call__(self, values: Float32, present: NDArray[np.bool_]) -> Float32:
        return np.where(present[:, :, None], values, self.means)
