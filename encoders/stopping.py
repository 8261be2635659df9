"""The patients of the training set that are held out to stop early."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def held_out(groups: NDArray[np.str_], share: float, seed: int) -> NDArray[np.bool_]:
    """Which samples `(N,)` belong to the patients who are held out; none where the share is less than one patient."""
    patients = np.unique(groups)
    chosen = np.random.default_rng(seed).permutation(patients)[: int(share * len(patients))]
    return np.isin(groups, chosen)


def held_out_by_label(y: NDArray[np.int64], groups: NDArray[np.str_], share: float, seed: int) -> NDArray[np.bool_]:
    """Which samples `(N,)` belong to the patients who are held out: spread evenly over the patients' mean labels."""
    patients, of = np.unique(groups, return_inverse=True)
    if len(patients) < 2 or share == 0:
        return np.zeros(len(y), dtype=bool)
    rng = np.random.default_rng(seed)
    label = np.bincount(of, weights=y) / np.bincount(of)
    order = np.lexsort((rng.permutation(len(patients)), label))
    step = max(2, round(1 / share))
    return np.isin(of, order[rng.integers(min(step, len(patients))) :: step])
