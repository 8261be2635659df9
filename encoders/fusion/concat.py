"""The slice means of all sequences, one after another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.base import Float32
from encoders.base import Tokens
from encoders.fusion.base import Fused, Fuser, Fusion, sequences_present


@dataclass(frozen=True, kw_only=True)
class Concat(Fusion):
    """One vector of S x F features: the slice means of the sequences; the missing step fills the absent ones.

    With more than one sequence, S indicators (1 present, 0 absent) end the vector.
    """

    words = "the slice means of the sequences, side by side, with indicators of presence"
    alone = "the mean over its slices"

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
        """Learns nothing."""
        return _fuse


def _fuse(tokens: Sequence[Tokens], filled: Float32) -> Fused:
    present = sequences_present(tokens)
    parts = [filled.reshape(len(filled), -1)]
    if len(tokens) > 1:
        parts.append(present.astype(np.float32))
    return Fused(np.concatenate(parts, axis=1)[None], np.asarray(present.any(axis=1))[None])
