"""Synthetic oversampling along the border that a support vector machine finds."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.base import Float32
from data.numerics.seeds import spawned
from preprocessing.balance.base import Balance, neighbours


@dataclass(frozen=True, kw_only=True)
class SvmSmote(Balance):
    """Raises every class to the size of the largest, with points near its support vectors.

    imbalanced-learn makes only about half of the points where no support vector is in danger (classes that lie far
    apart), and fails where all are noise (a class scattered among others). Plain SMOTE makes the missing points.
    The sampler's `fit_resample` raises ValueError where a class has a single sample.

    Args:
        k_neighbors: Number of neighbours to interpolate with; at most the size of the rarest class minus one.
        m_neighbors: Number of neighbours that decide whether a support vector is safe, in danger or noise.

    References:
        H. M. Nguyen, E. W. Cooper, K. Kamei, Borderline over-sampling for imbalanced data classification, 2011,
        doi:10.1504/IJKESDP.2011.039875.
    """

    words = "SVM-SMOTE"
    cites = ("nguyen2011", "chawla2002", "lemaitre2017")
    packages = ("imbalanced-learn",)

    k_neighbors: int = 5
    m_neighbors: int = 10

    def build(self, *, seed: int) -> Any:
        """The sampler; synthetic rows follow the real ones."""
        from imblearn import FunctionSampler

        return FunctionSampler(func=_resample, kw_args={"k": self.k_neighbors, "m": self.m_neighbors, "seed": seed})


def _resample(X: Float32, y: NDArray[np.int64], k: int, m: int, seed: int) -> Any:
    from imblearn.over_sampling import SMOTE, SVMSMOTE

    k, m = neighbours(y, k), min(m, len(y) - 1)
    try:
        border_X, border_y = SVMSMOTE(k_neighbors=k, m_neighbors=m, random_state=spawned(seed, 0)).fit_resample(X, y)
    except ValueError:
        border_X, border_y = X, y
    real, made = Counter(y.tolist()), Counter(border_y.tolist())
    missing = {c: n + max(real.values()) - made[c] for c, n in real.items()}
    plain = SMOTE(sampling_strategy=missing, k_neighbors=k, random_state=spawned(seed, 1))
    filled_X, filled_y = plain.fit_resample(X, y)
    return np.concatenate([border_X, filled_X[len(X) :]]), np.concatenate([border_y, filled_y[len(y) :]])
