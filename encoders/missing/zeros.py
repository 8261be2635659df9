"""Zeros for the sequences that a sample lacks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.base import Float32
from encoders.missing.base import Filler, Missing


@dataclass(frozen=True, kw_only=True)
class Zeros(Missing):
    """Every feature of an absent sequence is 0."""

    words = "zeros"

    def fit(self, values: Float32, present: NDArray[np.bool_], *, groups: NDArray[np.str_], seed: int) -> Filler:
        """Learns nothing."""
        return _fill


def _fill(values: Float32, present: NDArray[np.bool_]) -> Float32:
    return np.where(present[:, :, None], values, np.float32(0))
