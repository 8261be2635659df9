"""The contract of a missing step, which fills the sequences that a sample lacks."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from data.base import Float32
from data.describing.plug_in import Description, PlugIn


class Filler(Protocol):
    """A fitted missing step."""

    def __call__(self, values: Float32, present: NDArray[np.bool_]) -> Float32:
        """Values `(N, S, F)` with every absent sequence filled; the sequences present `(N, S)` stay as they are."""
        ...


class Missing(PlugIn):
    """Fills the absent sequences of slice-averaged embeddings. A plug-in is a frozen keyword-only dataclass.

    Later steps still learn from `present` which sequences a sample has. `learns` is true for a step that learns from
    the training samples.
    """

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
        """The description: the step learns from embeddings, without labels."""
        return replace(super().describe(), learns="images" if self.learns else "nothing")
