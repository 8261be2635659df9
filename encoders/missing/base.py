"""The contract of what fills a sequence that a sample lacks."""

from __future__ import annotations

from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from data.base import Float32


class Filler(Protocol):
    """A fitted filler."""

    def __call__(self, values: Float32, present: NDArray[np.bool_]) -> Float32:
        """`(N, S, F)` with every absent sequence filled; what is present is passed on unchanged."""
        ...


class Missing:
    """Fills absent sequences of slice-averaged embeddings. `present` stays the truth for what comes after."""

    learns: ClassVar[bool] = False

    def fit(self, values: Float32, present: NDArray[np.bool_], *, seed: int) -> Filler:
        """Learns from the training samples of the fold.

        Args:
            values: `(N, S, F)` float32, zeros where absent.
            present: `(N, S)` bool.
            seed: For what draws.
        """
        raise NotImplementedError
