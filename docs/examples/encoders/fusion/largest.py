"""The largest value of each feature over the sequences."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from data.base import Float32
from encoders.base import Tokens
from encoders.fusion.base import Fused, Fuser, Fusion, one_width, sequences_present


@dataclass(frozen=True, kw_only=True)
class Largest(Fusion):
    """One vector of F features: the mean over slices, then the largest value over the sequences that a sample has."""

    uses_filled: ClassVar[bool] = False

    def fit(
        self, tokens: Sequence[Tokens], filled: Float32, y: Any, *, classes: int, groups: Any, seed: int, device: str
    ) -> Fuser:
        """Learns nothing.

        Raises:
            ValueError: The sequences differ in their number of features.
        """
        one_width(tokens)
        return _fuse


def _fuse(tokens: Sequence[Tokens], filled: Float32) -> Fused:
    present = sequences_present(tokens)
    means = np.stack([one.means()[0] for one in tokens], axis=1)  # (N, S, F)
    largest = np.where(present[:, :, None], means, -np.inf).max(axis=1)
    some = np.asarray(present.any(axis=1))
    vectors = np.where(some[:, None], largest, 0).astype(np.float32)
    return Fused(vectors[None], some[None])
