"""The mean over slices and over the sequences present."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.base import Float32
from encoders.base import Tokens
from encoders.fusion.base import Fuser, Fusion, sequences_present


@dataclass(frozen=True, kw_only=True)
class Mean(Fusion):
    """One vector of F features: the mean over slices, then over the sequences that the sample has.

    What the missing step filled is not used. A sample without any sequence is absent, and zeros.
    """

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
        """Learns nothing.

        Raises:
            ValueError: The sequences differ in their number of features.
        """
        features = [t.values.shape[2] for t in tokens]
        if len(set(features)) > 1:
            raise ValueError(
                f"sequences have {features} features, but their mean needs the same number: "
                "use one encoder for all, or fusion=concat"
            )
        return _fuse


def _fuse(tokens: Sequence[Tokens], filled: Float32) -> tuple[Float32, NDArray[np.bool_]]:
    present = sequences_present(tokens)
    weights = present / np.maximum(present.sum(axis=1, keepdims=True), 1)
    fused = np.einsum("nsf,ns->nf", filled, weights.astype(np.float32))
    return fused[None], np.asarray(present.any(axis=1))[None]
