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


def sequences_present(tokens: Sequence[Tokens]) -> NDArray[np.bool_]:
    """`(N, S)`: which sample has at least one slice of which sequence."""
    present = np.stack([t.rows >= 0 for t in tokens], axis=1)
    for sequence, t in enumerate(tokens):
        have = present[:, sequence]
        present[have, sequence] = (t.present.sum(axis=1) > 0)[t.rows[have]]
    return present
