"""The contract of a fusion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from data.base import Float32
from encoders.base import Tokens


class Fuser(Protocol):
    """A fitted fusion."""

    def __call__(self, tokens: Sequence[Tokens], filled: Float32) -> tuple[Float32, NDArray[np.bool_]]:
        """One vector a sample and branch: `(B, N, F')` float32 and `(B, N)` bool, where a branch is present.

        Args:
            tokens: One `Tokens` a sequence, S in all, over the same N samples.
            filled: `(N, S, F)` float32: the mean over slices, absent sequences filled by the missing step.
        """
        ...


class Fusion:
    """Tokens of several slices and sequences to one vector a sample."""

    learns: ClassVar[Literal["nothing", "labels"]] = "nothing"

    def fit(
        self,
        tokens: Sequence[Tokens],
        filled: Float32,
        y: NDArray[np.int64] | None,
        *,
        groups: NDArray[np.str_],
        seed: int,
        device: str,
    ) -> Fuser:
        """Learns from the training samples of the fold; y and groups as in `Encoder.fit`."""
        raise NotImplementedError
