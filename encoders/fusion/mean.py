"""The mean over slices and over the sequences present."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from data.base import Float32
from encoders.base import Tokens
from encoders.fusion.base import Fused, Fuser, Fusion, one_width, sequences_present


@dataclass(frozen=True, kw_only=True)
class MeanFusion(Fusion):
    """One vector of F features: the mean over slices, then over the sequences that the sample has.

    A sample without any sequence counts as absent; its vector is zeros.
    """

    words = "the mean over slices, then over the sequences present"
    alone = "the mean over its slices"

    uses_filled: ClassVar[bool] = False

    def fit(
        self,
        tokens: Sequence[Tokens],
        filled: Float32,
        y: NDArray[np.int64] | None,
        *,
        classes: int,
        groups: NDArray[np.str_],
        seed: int,
        device: str,
    ) -> Fuser:
        """Learns nothing.

        Raises:
            ValueError: The sequences differ in their number of features.
        """
        one_width(tokens)
        return _fuse


def _fuse(tokens: Sequence[Tokens], filled: Float32) -> Fused:
    present = sequences_present(tokens)
    vectors = np.zeros((len(present), one_width(tokens)), dtype=np.float32)
    for one in tokens:
        vectors += one.means()[0]
    vectors /= np.maximum(present.sum(axis=1, keepdims=True), 1).astype(np.float32)
    return Fused(vectors[None], np.asarray(present.any(axis=1))[None])
