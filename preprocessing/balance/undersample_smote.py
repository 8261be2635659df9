"""Undersampling of the largest class, then synthetic oversampling of the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.base import Float32
from data.numerics.seeds import spawned
from preprocessing.balance.base import Balance, neighbours


@dataclass(frozen=True, kw_only=True)
class UndersampleSmote(Balance):
    """Cuts the largest class to a fraction at random, then raises the others to its size by SMOTE.

    The largest class is not cut below the next largest, since synthetic rows would replace the dropped real ones. No
    class is ever dropped. The sampler's `fit_resample` raises ValueError where a class has a single sample.

    Args:
        fraction: Share of the largest class that is kept, above 0 and at most 1.
        k_neighbors: Number of neighbours to interpolate with; at most the size of the rarest class minus one.

    References:
        N. V. Chawla et al., SMOTE, J. Artif. Intell. Res. 2002, doi:10.1613/jair.953 (section 4 combines both).
    """

    words = "random undersampling of the largest class, then SMOTE"
    cites = ("chawla2002", "lemaitre2017")
    packages = ("imbalanced-learn",)

    fraction: float = 0.33
    k_neighbors: int = 5

    def build(self, *, seed: int) -> Any:
        """The sampler.

        Raises:
            ValueError: `fraction` is not above 0 and at most 1.
        """
        from imblearn import FunctionSampler

        if not 0 < self.fraction <= 1:
            raise ValueError(f"fraction ({self.fraction}) must be above 0 and at most 1: 0.33 keeps a third")
        parameters = {"fraction": self.fraction, "wanted": self.k_neighbors, "seed": seed}
        return FunctionSampler(func=_resample, kw_args=parameters)


def _resample(X: Float32, y: NDArray[np.int64], fraction: float, wanted: int, seed: int) -> Any:
    from imblearn.over_sampling import SMOTE
    from imblearn.under_sampling import RandomUnderSampler

    k = neighbours(y, wanted)
    classes, counts = np.unique(y, return_counts=True)
    largest = int(counts.argmax())
    others = np.delete(counts, largest)
    keep = max(round(fraction * int(counts[largest])), int(others.max(initial=0)))
    fewer = RandomUnderSampler(sampling_strategy={int(classes[largest]): keep}, random_state=spawned(seed, 0))
    return SMOTE(k_neighbors=k, random_state=spawned(seed, 1)).fit_resample(*fewer.fit_resample(X, y))
