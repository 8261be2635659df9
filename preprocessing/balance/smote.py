"""Synthetic minority oversampling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.base import Float32
from preprocessing.balance.base import Balance, neighbours


@dataclass(frozen=True, kw_only=True)
class Smote(Balance):
    """Raises every class to the size of the largest, with points between neighbours of one class.

    The sampler's `fit_resample` raises ValueError where a class has a single sample.

    Args:
        k_neighbors: Number of neighbours to interpolate with; at most the size of the rarest class minus one.

    References:
        N. V. Chawla et al., SMOTE, J. Artif. Intell. Res. 2002, doi:10.1613/jair.953.
    """

    words = "SMOTE"
    cites = ("chawla2002", "lemaitre2017")
    packages = ("imbalanced-learn",)

    k_neighbors: int = 5

    def build(self, *, seed: int) -> Any:
        """The sampler; synthetic rows follow the real ones."""
        from imblearn import FunctionSampler

        return FunctionSampler(func=_resample, kw_args={"wanted": self.k_neighbors, "seed": seed})


def _resample(X: Float32, y: NDArray[np.int64], wanted: int, seed: int) -> Any:
    from imblearn.over_sampling import SMOTE

    return SMOTE(k_neighbors=neighbours(y, wanted), random_state=seed).fit_resample(X, y)
