"""The training median for a sequence that a sample lacks."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from data.base import Float32
from encoders.missing.base import Missing


@dataclass(frozen=True, kw_only=True)
class Median(Missing):
    """An absent sequence gets the median of that sequence over the training samples that have it."""

    learns: ClassVar[bool] = True

    def fit(
        self, values: Float32, present: NDArray[np.bool_], *, groups: NDArray[np.str_], seed: int
    ) -> "MedianFiller":
        """Learns one vector per sequence; zeros for a sequence that no training sample has."""
        medians = np.zeros(values.shape[1:], dtype=np.float32)
        for sequence in range(values.shape[1]):
            have = present[:, sequence]
            if have.any():
                medians[sequence] = np.median(values[have, sequence], axis=0)
        return MedianFiller(medians)


class MedianFiller:
    """What `fit` gives: it fills any samples, those of the test patients too."""

    def __init__(self, medians: Float32) -> None:
        """Keeps `(S, F)` float32."""
        self.medians = medians

    def __call__(self, values: Float32, present: NDArray[np.bool_]) -> Float32:
        """`(N, S, F)` float32 with absent sequences filled."""
        return np.where(present[:, :, None], values, self.medians)
